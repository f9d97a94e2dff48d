//! Connects to a name with several addresses (RFC 8305, "Happy Eyeballs"). Attempts start one after the other with a short delay
//! and run in parallel. The address that answered last is tried first.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

/// The address that answered last. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct LastAnswered(Arc<Mutex<Option<SocketAddr>>>);

impl LastAnswered {
    pub(super) fn get(&self) -> Option<SocketAddr> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, address: SocketAddr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }
}

/// Connects to the first of these addresses that answers. There is no time limit; the caller must set one.
///
/// # Errors
/// The error of the last failed attempt, when every address has failed.
pub async fn connect(addresses: Vec<SocketAddr>, last: &LastAnswered) -> io::Result<TcpStream> {
    let mut waiting = ordered(addresses, last.get()).into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(async move { (address, TcpStream::connect(address).await) });
        } else if attempts.is_empty() {
            return Err(failure);
        }
        let are_more = waiting.len() > 0;
        tokio::select! {
            Some((address, outcome)) = attempts.next() => match outcome {
                Ok(stream) => {
                    last.set(address);
                    return Ok(stream);
                }
                // The loop starts the next attempt at once.
                Err(error) => failure = error,
            },
            () = tokio::time::sleep(ATTEMPT_DELAY), if are_more => {}
        }
    }
}

/// The address that answered last comes first. Then the two address families alternate, starting with the family of the resolver's
/// first address (RFC 8305 §4).
fn ordered(addresses: Vec<SocketAddr>, last: Option<SocketAddr>) -> Vec<SocketAddr> {
    let first_family = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, rest): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| Some(*address) == last);
    let (one, other): (Vec<_>, Vec<_>) = rest.into_iter().partition(|a| a.is_ipv6() == first_family);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut ordered = preferred;
    ordered.dedup();
    loop {
        let pair = (one.next(), other.next());
        if pair == (None, None) {
            return ordered;
        }
        ordered.extend(pair.0.into_iter().chain(pair.1));
    }
}

/// Delay between the starts of two attempts (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;
    use std::time::Instant;

    use socket2::{Domain, Socket, Type};
    use tokio::net::TcpListener;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// A listening socket with a full queue: the kernel silently drops further attempts. The second value keeps the queue full.
    pub fn silent() -> (Socket, Vec<Socket>, SocketAddr) {
        let new = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = new();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let filling = (0..8).map(|_| {
            let socket = new();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        });
        let filling = filling.collect();
        (listener, filling, address)
    }

    #[tokio::test]
    async fn a_silent_address_causes_a_short_delay_and_the_address_that_answered_is_tried_first() {
        let (_listener, _filling, silent) = silent();
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good_address = good.local_addr().unwrap();
        let last = LastAnswered::default();
        let begun = Instant::now();
        let stream = connect(vec![silent, good_address], &last).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good_address);
        assert!(begun.elapsed() >= ATTEMPT_DELAY, "the first address is silent");
        assert!(begun.elapsed() < Duration::from_secs(20), "the kernel gives up after minutes");
        assert_eq!(last.get(), Some(good_address));
        assert_eq!(ordered(vec![silent, good_address], last.get()), [good_address, silent]);
    }

    #[tokio::test]
    async fn refused_addresses_are_skipped_and_all_refused_is_an_error() {
        let refused = addresses(&["127.0.0.1:1", "127.0.0.2:1"]);
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let last = LastAnswered::default();
        let all = [&refused[..], &[good.local_addr().unwrap()]].concat();
        connect(all, &last).await.unwrap();
        let error = connect(refused, &last).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect(Vec::new(), &last).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(
            last.get(),
            Some(good.local_addr().unwrap()),
            "a failure does not change the last address"
        );
    }

    #[test]
    fn families_alternate_after_the_address_that_answered_last() {
        let resolved = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"]);
        assert_eq!(
            ordered(resolved.clone(), None),
            addresses(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"])
        );
        assert_eq!(
            ordered(resolved.clone(), Some("[::3]:1".parse().unwrap())),
            addresses(&["[::3]:1", "[::1]:1", "10.0.0.1:1", "[::2]:1"])
        );
        // An address that the name no longer has is not tried.
        let gone = Some("10.0.0.9:1".parse().unwrap());
        assert_eq!(ordered(resolved, gone).len(), 4);
    }
}
