//! main
use hyper as _;
fn main() {}
