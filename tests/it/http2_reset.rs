//! HTTP/2 streams that the client resets during its request.

use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::support::http1::{PATIENCE, RawConnection};
use crate::support::http2_frames::{DATA, END_HEADERS, HEADERS, RST_STREAM, SETTINGS, frame, head};
use crate::support::upstream::{Seen, Upstream};

/// Also with `NO_ERROR`, which hyper treats as the end of a body.
#[tokio::test]
async fn an_upload_that_the_client_resets_stays_incomplete_at_campaign() {
    for early in ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"] {
        for code in [NO_ERROR, CANCEL] {
            let (told, mut news) = mpsc::unbounded_channel();
            let upstream = Upstream::start(move |_, mut line: RawConnection, seen: Seen| {
                let told = told.clone();
                async move {
                    seen.request(&mut line).await?;
                    line.send(early).await;
                    told.send(line.chunk().await.ok()?).ok()?;
                    told.send(line.rest().await).ok()
                }
            })
            .await;
            let world = upstream.world().await;
            let mut client = world.connect_http2().await;
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            frame(&mut bytes, SETTINGS, 0, 0, &[]);
            frame(&mut bytes, HEADERS, END_HEADERS, 1, &head(&world, POST, "/r/x", &[]));
            frame(&mut bytes, DATA, 0, 1, b"half");
            client.write_all(&bytes).await.unwrap();
            client.flush().await.unwrap();
            let mut next = async || tokio::time::timeout(PATIENCE, news.recv()).await.unwrap().unwrap();
            assert_eq!(next().await, b"half");
            bytes.clear();
            frame(&mut bytes, RST_STREAM, 0, 1, &code.to_be_bytes());
            client.write_all(&bytes).await.unwrap();
            client.flush().await.unwrap();
            assert_eq!(next().await, b"", "code {code}, {early:?}");
            world.stop().await;
        }
    }
}

const POST: u8 = 0x83;
const NO_ERROR: u32 = 0;
const CANCEL: u32 = 8;
