command -v worker-bootstrap >/dev/null ||
    die 8 "worker-bootstrap is not installed, and who issued this bootstrap serves no archive of it: install it first"
