//! A response body that is fed from a channel, one frame for each message.

use bytes::Bytes;
use http_body::{Body, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// How many lines may wait for a slow reader before the watch waits for it.
const WAITING: usize = 16;

/// The reading end. Dropping it, as a lost connection does, closes the channel.
#[derive(Debug)]
pub struct ChannelBody(mpsc::Receiver<Bytes>);

/// A body and what feeds it.
pub fn channel() -> (mpsc::Sender<Bytes>, ChannelBody) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (sender, ChannelBody(receiver))
}

impl Body for ChannelBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
    }
}
