//! submit_sm: a message of ours (SMPP 3.4, 4.4).

use super::field;
use crate::{number::Number, session::Submission};
use rusmpp::{
    pdus::SubmitSm,
    types::OctetString,
    values::{
        DataCoding, IntermediateNotification, MCDeliveryReceipt, Npi, RegisteredDelivery, SmeOriginatedAcknowledgement,
        Ton,
    },
};

pub(super) fn request(submission: &Submission) -> SubmitSm {
    let part = &submission.part;
    let (ton, number) = match &submission.line.citizen {
        Number::Subscriber(number) => (Ton::International, number.trim_start_matches('+')),
        Number::Service(number) | Number::Pseudo(number) => (Ton::Unknown, number.as_str()),
    };
    let wanted = match submission.report {
        true => MCDeliveryReceipt::McDeliveryReceiptRequestedWhereFinalDeliveryOutcomeIsSuccessOrFailure,
        false => MCDeliveryReceipt::default(),
    };
    let report = RegisteredDelivery::new(
        wanted,
        SmeOriginatedAcknowledgement::default(),
        IntermediateNotification::default(),
        0,
    );
    let submit = SubmitSm::builder()
        .source_addr(field(&submission.line.code))
        .source_addr_npi(Npi::Isdn)
        .dest_addr_ton(ton)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(field(number))
        .registered_delivery(report)
        .data_coding(if part.ucs2 { DataCoding::Ucs2 } else { DataCoding::McSpecific })
        .short_message(OctetString::from_bytes(part.bytes.clone()).unwrap_or_else(|_| OctetString::empty()))
        .build();
    if part.header { submit.with_udhi_indicator() } else { submit }
}
