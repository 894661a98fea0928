//! A plugin's memory: handed out front to back, and never given back.
//!
//! Every call of a plugin gets a fresh instance, whose memory is thrown away as a whole when the call is over. An
//! allocator that keeps books for reuse is paid for at each call and used at none. This one moves a pointer; the last
//! allocation can still grow in place, which is what building up a text or a list does. What a call allocates in total
//! must therefore fit the host's memory limit (16 MiB unless the operator says otherwise).
#![expect(unsafe_code, reason = "an allocator hands out raw memory; there is no safe way to write one")]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::{memory_grow, memory_size},
    ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// WebAssembly's unit of memory, in bytes.
const PAGE: usize = 65_536;

/// Memory is asked for in steps of so many pages: each step is a system call of the host's.
const GROW_PAGES: usize = 16;

/// Where the next allocation goes; 0 before the first. Atomic because a static must be, not because of threads: a
/// plugin has one.
static NEXT: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    /// The first byte behind what the linker placed.
    static __heap_base: u8;
}

struct FrontToBack;

#[global_allocator]
static ALLOCATOR: FrontToBack = FrontToBack;

/// The end of what has been handed out.
fn next() -> usize {
    match NEXT.load(Relaxed) {
        0 => (&raw const __heap_base).addr(),
        next => next,
    }
}

/// Hands out everything before `end`, if there is so much memory.
fn hand_out(end: usize) -> bool {
    let have = memory_size::<0>() * PAGE;
    if end > have {
        let missing = (end - have).div_ceil(PAGE);
        let enough = memory_grow::<0>(missing.max(GROW_PAGES)) != usize::MAX
            || memory_grow::<0>(missing) != usize::MAX;
        if !enough {
            return false;
        }
    }
    NEXT.store(end, Relaxed);
    true
}

// SAFETY: `alloc` returns memory behind everything that was handed out before, aligned as asked, within the memory
// that the instance has; `dealloc` and `realloc` move the end back or forth only when the block is the last one.
unsafe impl GlobalAlloc for FrontToBack {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = next().next_multiple_of(layout.align());
        match start.checked_add(layout.size()) {
            Some(end) if hand_out(end) => ptr::with_exposed_provenance_mut(start),
            _ => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block.addr() + layout.size() == next() {
            NEXT.store(block.addr(), Relaxed);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if block.addr() + layout.size() == next() {
            return match block.addr().checked_add(size) {
                Some(end) if hand_out(end) => block,
                _ => ptr::null_mut(),
            };
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller's layout is valid, and so is one with its alignment and the new size, which the caller
        // promises not to overflow; both blocks are at least as long as the old one and do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size());
            }
            moved
        }
    }
}
