//! The end of memory: a message and a status instead of the SIGABRT by which Rust ends a program.

use rustix::{io::Errno, process::Resource};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::OnceLock,
};

/// The C library's allocator, whose failure ends the program as [`on_exhaustion`] says. The program
/// makes it the global one.
#[derive(Debug)]
pub struct Allocator;

/// The way in which the program ends.
static LAST_WORDS: OnceLock<(&str, i32)> = OnceLock::new();

/// As much address space must be left at the start for the stack to grow: the kernel ends a program
/// whose stack cannot grow by SIGSEGV, and allocation may be long over by then.
const STACK: usize = 1 << 20;

/// Sets the name with which the message begins, and the status, and ends the process at once if a
/// limit of its address space leaves no room for its stack.
pub fn on_exhaustion(name: &'static str, status: i32) {
    let _ = LAST_WORDS.set((name, status));
    if rustix::process::getrlimit(Resource::As).current.is_some() {
        let (none, flags) = (
            std::ptr::null_mut(),
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: a new mapping where the kernel likes, which is nobody else's memory.
        let address = unsafe { libc::mmap(none, STACK, libc::PROT_NONE, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            exhausted();
        }
        // SAFETY: the mapping that was just made, of that length.
        unsafe { libc::munmap(address, STACK) };
    }
}

// SAFETY: every call is the system allocator's, but for those that it fails, which do not return.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises is what the system's allocator needs; so below.
        checked(unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.realloc(memory, layout, size) })
    }
}

fn checked(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        exhausted();
    }
    memory
}

/// Says that there is no memory left, without any, and ends the process with all its threads.
#[cold]
fn exhausted() -> ! {
    let (name, status) = *LAST_WORDS.get().unwrap_or(&("nsx", 125));
    let mut line = [0; 64];
    let mut length = 0;
    for byte in name
        .bytes()
        .chain(*b": failed to allocate memory\n")
        .take(line.len())
    {
        line[length] = byte;
        length += 1;
    }
    while let Err(Errno::INTR) = rustix::io::write(rustix::stdio::stderr(), &line[..length]) {}
    super::exit::exit_now(status)
}
