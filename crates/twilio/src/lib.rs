//! What Twilio's webhooks have in common: signed forms in, TwiML out
//! (<https://www.twilio.com/docs/usage/security>, <https://www.twilio.com/docs/voice/twiml>).
#![warn(missing_docs)]

mod form;
mod signature;
mod twiml;

pub use form::Form;
pub use signature::{Algorithm, is_signed};
pub use twiml::{Element, MEDIA_TYPE, response};
