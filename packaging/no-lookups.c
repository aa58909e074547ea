/* glibc looks up hosts and users through shared objects, which a static program does not have. This one asks
   for neither (it brings a resolver of its own), but libraries that it stands on refer to these functions, and
   with them comes all that glibc has behind them. Here they say that there is no answer. */

int getaddrinfo(void) { return -4; } /* EAI_FAIL */
void freeaddrinfo(void) {}
int getpwuid_r(void) { return 2; } /* ENOENT */
