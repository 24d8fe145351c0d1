//! The program's memory: a first part that costs next to nothing to allocate from, and the C
//! library's. At its end there is a message and a status instead of the SIGABRT by which Rust ends a
//! program.

use rustix::{io::Errno, process::Resource};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The allocator that a program makes its global one. It is fast at first, as programs that soon
/// become another program need it, and the C library's for whatever takes longer. Its failure ends
/// the program as [`on_exhaustion`] says.
#[derive(Debug)]
pub struct Allocator;

/// The memory for the start. What is freed is not used again.
struct Start {
    bytes: UnsafeCell<[MaybeUninit<u8>; Start::SIZE]>,
    used: AtomicUsize,
}

// SAFETY: the bytes are reached only through pointers from `take` and `resize`, which
// give no byte to two allocations.
unsafe impl Sync for Start {}

static START: Start = Start {
    bytes: UnsafeCell::new([MaybeUninit::uninit(); Start::SIZE]),
    used: AtomicUsize::new(0),
};

impl Start {
    /// Enough for nsx to read its options and to make a plan.
    const SIZE: usize = 256 << 10;

    /// Anything larger is the C library's, which can reuse it.
    const LARGEST: usize = 16 << 10;

    /// Returns memory, or null if not enough is left.
    fn take(&self, layout: Layout) -> *mut u8 {
        if layout.size() > Self::LARGEST {
            return ptr::null_mut();
        }
        let base = self.bytes.get().cast::<u8>();
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let free = base.wrapping_add(used);
            let start = used + free.align_offset(layout.align());
            let end = start.saturating_add(layout.size());
            if end > Self::SIZE {
                return ptr::null_mut();
            }
            match self
                .used
                .compare_exchange_weak(used, end, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return base.wrapping_add(start),
                Err(now) => used = now,
            }
        }
    }

    /// Returns whether the allocation at `memory` is in here.
    fn has(&self, memory: *mut u8) -> bool {
        memory.addr().wrapping_sub(self.bytes.get().addr()) < Self::SIZE
    }

    /// Makes the latest allocation longer or shorter where it is. Returns `false` if that is
    /// impossible.
    fn resize(&self, memory: *mut u8, old: usize, new: usize) -> bool {
        let start = memory.addr() - self.bytes.get().addr();
        start.saturating_add(new) <= Self::SIZE
            && self
                .used
                .compare_exchange(
                    start + old,
                    start + new,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
    }
}

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
        // SAFETY: a new mapping at an address that the kernel chooses, over no other memory.
        let address = unsafe { libc::mmap(none, STACK, libc::PROT_NONE, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            exhausted();
        }
        // SAFETY: the mapping that was just made, of that length.
        unsafe { libc::munmap(address, STACK) };
    }
}

// SAFETY: memory is from `START`, which gives no byte to two allocations, or from the system's
// allocator, and goes back to where it is from. A failure does not return.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match START.take(layout) {
            // SAFETY: what the caller promises is what the system's allocator needs; so below.
            memory if memory.is_null() => checked(unsafe { System.alloc(layout) }),
            memory => memory,
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if !START.has(memory) {
            // SAFETY: as above.
            unsafe { System.dealloc(memory, layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !START.has(memory) {
            // SAFETY: as above.
            return checked(unsafe { System.realloc(memory, layout, size) });
        }
        if START.resize(memory, layout.size(), size) {
            return memory;
        }
        // SAFETY: the caller promises that the size, rounded up to the alignment, does not
        // overflow.
        let layout_of_new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: a layout of the size that the caller promises not to be 0.
        let new = unsafe { self.alloc(layout_of_new) };
        // SAFETY: both have that many bytes, and they are different allocations.
        unsafe { ptr::copy_nonoverlapping(memory, new, layout.size().min(size)) };
        new
    }
}

fn checked(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        exhausted();
    }
    memory
}

/// Reports that memory is exhausted, without allocating any, and ends the process with all its
/// threads.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Call {
        Allocate { size: usize, align: usize },
        Resize { index: usize, size: usize },
        Free { index: usize },
    }

    /// The first bytes of an allocation that was written.
    fn bytes<'a>(memory: *mut u8, count: usize) -> &'a [u8] {
        // SAFETY: the callers have written that many bytes, and look at them at once.
        unsafe { std::slice::from_raw_parts(memory, count) }
    }

    fn call() -> impl Strategy<Value = Call> {
        let size = || prop_oneof![1..200_usize, Just(Start::LARGEST), Just(Start::LARGEST + 1)];
        prop_oneof![
            (size(), 0..8_u32).prop_map(|(size, power)| Call::Allocate {
                size,
                align: 1 << power
            }),
            (any::<usize>(), size()).prop_map(|(index, size)| Call::Resize { index, size }),
            any::<usize>().prop_map(|index| Call::Free { index }),
        ]
    }

    proptest! {
        /// Each allocation keeps its bytes, whatever happens to others, here until after the memory
        /// for the start is used up.
        #[test]
        fn allocations_are_apart(calls in proptest::collection::vec(call(), 1..200)) {
            let mut living: Vec<(*mut u8, Layout, u8)> = Vec::new();
            for (number, call) in calls.into_iter().enumerate() {
                let fill = number as u8;
                match call {
                    Call::Allocate { size, align } => {
                        let layout = Layout::from_size_align(size, align).unwrap();
                        // SAFETY: the size is not 0.
                        let memory = unsafe { Allocator.alloc(layout) };
                        prop_assert_eq!(memory.addr() % align, 0);
                        // SAFETY: the allocation has that many bytes.
                        unsafe { memory.write_bytes(fill, size) };
                        living.push((memory, layout, fill));
                    }
                    Call::Resize { index, size } if !living.is_empty() => {
                        let index = index % living.len();
                        let (memory, layout, old) = living[index];
                        // SAFETY: an allocation of this layout, and the size is not 0.
                        let memory = unsafe { Allocator.realloc(memory, layout, size) };
                        prop_assert!(bytes(memory, layout.size().min(size)).iter().all(|byte| *byte == old));
                        // SAFETY: the allocation has that many bytes.
                        unsafe { memory.write_bytes(fill, size) };
                        let layout = Layout::from_size_align(size, layout.align()).unwrap();
                        living[index] = (memory, layout, fill);
                    }
                    Call::Free { index } if !living.is_empty() => {
                        let (memory, layout, _) = living.swap_remove(index % living.len());
                        // SAFETY: an allocation of this layout, which is not used again.
                        unsafe { Allocator.dealloc(memory, layout) };
                    }
                    _ => {}
                }
            }
            for (memory, layout, fill) in living {
                prop_assert!(bytes(memory, layout.size()).iter().all(|byte| *byte == fill));
                // SAFETY: an allocation of this layout, which is not used again.
                unsafe { Allocator.dealloc(memory, layout) };
            }
        }
    }
}
