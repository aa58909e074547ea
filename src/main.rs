//! The program `worker-bootstrap`: hygiene, then the runtime, then one call into the library.

use std::alloc::System;
use std::process::ExitCode;
use zeroizing_alloc::ZeroAlloc;

/// Whatever is freed is zeroed: a secret that passed through a library's buffer does not stay in the heap.
#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    // First of all, before an argument is read: no core, no debugger, nothing printed by a panic.
    let undone = worker_bootstrap::host::own::harden();
    // One thread: a whole join is a handful of requests, and every thread's stack is memory to wipe.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(_) => return ExitCode::from(worker_bootstrap::reason::Exit::Fault.number()),
    };
    let exit = runtime.block_on(worker_bootstrap::cli::main(std::env::args_os(), &undone));
    ExitCode::from(exit.number())
}
