//! PDUs on a byte stream: each begins with its own length.

use super::Garbage;
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Cuts a stream into PDUs, each checked for its length before a byte of it is waited for.
pub(super) struct Frames {
    /// Bytes of a header: no PDU is shorter.
    pub header: usize,
    /// No PDU is longer.
    pub longest: usize,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// A length that no PDU has.
    #[error(transparent)]
    Garbage(#[from] Garbage),
    /// The connection.
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
}

impl Decoder for Frames {
    type Item = Bytes;
    type Error = Broken;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
        let Some(length) = stream.get(..4) else { return Ok(None) };
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if !(self.header..=self.longest).contains(&length) {
            return Err(Garbage.into());
        }
        if stream.len() < length {
            stream.reserve(length - stream.len());
            return Ok(None);
        }
        Ok(Some(stream.split_to(length).freeze()))
    }

    /// Half a PDU at the end is a broken connection like any other.
    fn decode_eof(&mut self, stream: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
        self.decode(stream)
    }
}

impl Encoder<Bytes> for Frames {
    type Error = Broken;

    fn encode(&mut self, pdu: Bytes, stream: &mut BytesMut) -> Result<(), Broken> {
        stream.extend_from_slice(&pdu);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_believed_only_within_reason() {
        let mut frames = Frames { header: 12, longest: 4_096 };
        for bad in [[0, 0, 0, 11], [0, 0, 0x10, 1], [0xFF; 4], *b"GET "] {
            assert!(frames.decode(&mut BytesMut::from(&bad[..])).is_err());
        }
        let mut stream = BytesMut::from(&[0, 0, 0, 12][..]);
        assert!(frames.decode(&mut stream).unwrap().is_none());
        stream.extend_from_slice(&[1; 9]);
        assert_eq!(frames.decode(&mut stream).unwrap().unwrap().len(), 12);
        assert_eq!(stream.len(), 1);
    }
}
