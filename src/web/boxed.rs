//! Futures of rare branches.

use std::pin::Pin;

/// The future that `make` returns, on the heap.
///
/// In a function of its own: the compiler would reserve space for each such future in the stack frame of the caller, tens of kilobytes in
/// all, and also a request that needs none of them would touch these pages.
#[inline(never)]
pub fn boxed<'a, F: Future + Send + 'a>(make: impl FnOnce() -> F) -> Boxed<'a, F::Output> {
    Box::pin(make())
}

/// A future of a hidden type, so that the compiler cannot inline it into the caller.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
