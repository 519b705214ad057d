//! A deliver_sm with faults around its text, without them: centres write lengths and optional parameters in ways that no
//! strict reader takes, and no citizen's words are to be lost with those.

use super::HEADER;
use bytes::{BufMut, Bytes, BytesMut};

/// Sizes of the texts with their NUL (SMPP 3.4, 4.6.1).
const SERVICE: usize = 6;
const ADDRESS: usize = 21;
/// A time is this long or empty.
const TIME: usize = 17;

const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
const SAR_MSG_REF_NUM: u16 = 0x020C;
const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
const MESSAGE_PAYLOAD: u16 = 0x0424;
const MESSAGE_STATE: u16 = 0x0427;

/// The same PDU with each text within its bounds, and of the optional parameters those that matter here, each of its
/// right size. `None` where it ends before its text.
pub(super) fn mended(frame: &Bytes) -> Option<Bytes> {
    let mut rest = frame.get(HEADER..)?;
    let mut body = BytesMut::with_capacity(frame.len());
    body.put_slice(&[0; 4]);
    body.put_slice(frame.get(4..HEADER)?);
    text(&mut rest, SERVICE, &mut body)?;
    for _ in 0..2 {
        body.put_slice(take(&mut rest, 2)?);
        text(&mut rest, ADDRESS, &mut body)?;
    }
    // esm_class, protocol_id, priority_flag.
    body.put_slice(take(&mut rest, 3)?);
    for _ in 0..2 {
        let begin = body.len();
        text(&mut rest, TIME, &mut body)?;
        if body.len() - begin != TIME {
            body.truncate(begin);
            body.put_u8(0);
        }
    }
    // registered_delivery, replace_if_present, data_coding, sm_default_msg_id.
    body.put_slice(take(&mut rest, 4)?);
    let length = usize::from(*take(&mut rest, 1)?.first()?).min(rest.len());
    body.put_u8(length as u8);
    body.put_slice(take(&mut rest, length)?);
    while let Some([tag_high, tag_low, high, low]) = take(&mut rest, 4) {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let value = take(&mut rest, length)?;
        parameter(u16::from_be_bytes([*tag_high, *tag_low]), value, &mut body);
    }
    let length = u32::try_from(body.len()).ok()?;
    body.get_mut(..4)?.copy_from_slice(&length.to_be_bytes());
    Some(body.freeze())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (field, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(field)
}

/// A text with its NUL, of at most `longest` bytes, and those of ASCII.
fn text(rest: &mut &[u8], longest: usize, body: &mut BytesMut) -> Option<()> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    let field = take(rest, end + 1)?;
    body.extend(field.iter().filter(|byte| byte.is_ascii() && **byte != 0).take(longest - 1));
    body.put_u8(0);
    Some(())
}

/// One optional parameter; a number in more or fewer bytes than it should have is the same number.
fn parameter(tag: u16, value: &[u8], body: &mut BytesMut) {
    let number = value.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let mut put = |value: &[u8]| {
        body.put_u16(tag);
        body.put_u16(value.len() as u16);
        body.put_slice(value);
    };
    match tag {
        MESSAGE_PAYLOAD => put(value),
        RECEIPTED_MESSAGE_ID => {
            let id = value.iter().copied().take_while(|byte| *byte != 0 && byte.is_ascii()).take(super::LONGEST_ID - 1);
            put(&id.chain([0]).collect::<Vec<_>>());
        }
        SAR_MSG_REF_NUM if (1..=8).contains(&value.len()) => put(&(number as u16).to_be_bytes()),
        SAR_TOTAL_SEGMENTS | SAR_SEGMENT_SEQNUM | MESSAGE_STATE if (1..=8).contains(&value.len()) => {
            if let Ok(number) = u8::try_from(number) {
                put(&[number]);
            }
        }
        _ => {}
    }
}
