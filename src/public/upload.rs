//! A form with files: taken out of the body while it arrives, and on disk before the form is looked at.

use crate::{
    files::{Incomplete, Spool, SpoolError},
    server::{Room, next_piece},
};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body as _;
use jiesu_connector::{Form, KeptFile, Problem, Upload, UploadCaps, UploadFault, media_type_of, plain_file_name};
use jiesu_mapping::multipart::{Event, Head, Splitter};
use std::net::IpAddr;

/// Parts in one form, at most.
const MAX_PARTS: usize = 200;
/// Of each file, for telling what it is.
const HEAD: usize = 4096;
/// Boundaries and heads of parts, at most.
const OVERHEAD: u64 = 1 << 20;

/// Reads `body`, whose files go to `spool`; what is no file takes its memory from `room`.
///
/// # Errors
/// 400 for what is no form, 413 for fields beyond the caps. A body with too much in its files is no error: it is
/// [`Form::cut`].
pub async fn read_form(
    mut body: Body,
    mut splitter: Splitter,
    caps: UploadCaps,
    (spool, peer): (&Spool, IpAddr),
    room: &mut Room,
) -> Result<Form, Problem> {
    let most = (caps.files as u64).saturating_mul(caps.file).saturating_add(caps.fields).saturating_add(OVERHEAD);
    let too_long = body.size_hint().lower() > most;
    let mut reader =
        Reader { caps, spool, peer, room, form: Form::default(), part: Part::None, fields: 0, files: 0, parts: 0 };
    let mut total = 0;
    loop {
        while let Some(event) = splitter.event().map_err(|error| bad(error.to_string()))? {
            // The words come first: they are not lost to files that are too large.
            let file = matches!(&event, Event::Part(Head { file: Some(_), .. }));
            if too_long && file {
                reader.form.cut = true;
                return Ok(reader.form);
            }
            if event == Event::End {
                return Ok(reader.form);
            }
            reader.take(event).await?;
        }
        let Some(piece) = next_piece(&mut body).await? else { return Err(bad("it ends early".into())) };
        total += piece.len() as u64;
        if total > most {
            reader.form.cut = true;
            return Ok(reader.form);
        }
        splitter.feed(&piece);
    }
}

fn bad(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

struct Reader<'a> {
    caps: UploadCaps,
    spool: &'a Spool,
    peer: IpAddr,
    room: &'a mut Room,
    form: Form,
    part: Part,
    /// Bytes of fields.
    fields: u64,
    files: usize,
    parts: usize,
}

/// The part that is being read.
enum Part {
    None,
    Field(String, BytesMut),
    File(Box<Arriving>),
}

struct Arriving {
    field: String,
    name: String,
    /// It was given a name: it is no empty file input.
    named: bool,
    head: Vec<u8>,
    into: Result<Incomplete, UploadFault>,
}

impl Reader<'_> {
    async fn take(&mut self, event: Event) -> Result<(), Problem> {
        match event {
            Event::Part(head) => self.begin(head).await,
            Event::Data(data) => self.data(&data).await,
            Event::PartEnd => {
                self.end().await;
                Ok(())
            }
            Event::End => Ok(()),
        }
    }

    async fn begin(&mut self, head: Head) -> Result<(), Problem> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(bad(format!("the form has more than {MAX_PARTS} parts")));
        }
        let Some(file) = head.file else {
            self.part = Part::Field(head.name, BytesMut::new());
            return Ok(());
        };
        let (name, named) = (plain_file_name(&file), !file.is_empty());
        // An empty file input is a part, too: it becomes a file with its first byte.
        let into = Err(UploadFault::Empty);
        self.part = Part::File(Box::new(Arriving { field: head.name, name, named, head: Vec::new(), into }));
        Ok(())
    }

    async fn data(&mut self, data: &Bytes) -> Result<(), Problem> {
        match &mut self.part {
            Part::None => {}
            Part::Field(_, value) => {
                self.fields += data.len() as u64;
                if self.fields > self.caps.fields {
                    let detail = format!("the fields of the form are longer than {} bytes", self.caps.fields);
                    return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
                }
                self.room.grow(self.fields).await?;
                value.extend_from_slice(data);
            }
            Part::File(file) => {
                if file.head.is_empty() {
                    self.files += 1;
                    file.into = match self.files > self.caps.files {
                        true => Err(UploadFault::TooMany),
                        false => self.spool.begin(self.peer).await.map_err(|error| unavailable(&error)),
                    };
                }
                let room = HEAD - file.head.len().min(HEAD);
                file.head.extend_from_slice(&data[..data.len().min(room)]);
                let Ok(incomplete) = &mut file.into else { return Ok(()) };
                if incomplete.bytes() + data.len() as u64 > self.caps.file {
                    file.into = Err(UploadFault::TooLarge);
                } else if let Err(error) = incomplete.write(data).await {
                    file.into = Err(unavailable(&error));
                }
            }
        }
        Ok(())
    }

    async fn end(&mut self) {
        match std::mem::replace(&mut self.part, Part::None) {
            Part::None => {}
            Part::Field(name, value) => self.form.fields.push((name, value.freeze())),
            Part::File(file) => {
                let Arriving { field, name, named, head, into } = *file;
                if !named && head.is_empty() {
                    return;
                }
                let kept = match into {
                    Err(fault) => Err(fault),
                    Ok(incomplete) => {
                        let bytes = incomplete.bytes();
                        let media_type = media_type_of(&head).unwrap_or("application/octet-stream").to_owned();
                        let kept = incomplete.keep().await.map_err(|error| unavailable(&error));
                        kept.map(|sha256| KeptFile { sha256, bytes, media_type })
                    }
                };
                self.form.files.push(Upload { field, kept, name });
            }
        }
    }
}

fn unavailable(error: &SpoolError) -> UploadFault {
    match error {
        SpoolError::Disk(_) => {
            tracing::error!(alarm = true, %error, "an upload cannot be written; its sender is told to come again");
        }
        SpoolError::Full => tracing::warn!(%error, "an upload is not taken; its sender is told to come again"),
    }
    UploadFault::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use futures_util::stream;
    use std::convert::Infallible;

    const CAPS: UploadCaps = UploadCaps { files: 2, file: 8, fields: 64 };

    async fn read(parts: &[(&str, &str)]) -> Result<Form, StatusCode> {
        let directory = tempfile::tempdir().expect("a directory");
        let spool = Spool::new(Files::new(directory.path().to_owned()));
        let head = |head: &str| format!("--b\r\nContent-Disposition: form-data; name={head}\r\n\r\n");
        let body: String = parts.iter().map(|(name, content)| format!("{}{content}\r\n", head(name))).collect();
        let pieces: Vec<Bytes> = format!("{body}--b--").as_bytes().chunks(5).map(Bytes::copy_from_slice).collect();
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
        let splitter = Splitter::of("multipart/form-data; boundary=b").expect("a boundary");
        read_form(body, splitter, CAPS, (&spool, [127, 0, 0, 1].into()), &mut Room::default())
            .await
            .map_err(|problem| problem.status)
    }

    fn faults(form: &Form) -> Vec<Option<UploadFault>> {
        form.files.iter().map(|file| file.kept.as_ref().err().copied()).collect()
    }

    #[tokio::test]
    async fn each_file_has_its_own_fate_and_the_words_stay() {
        let file = |name: &'static str| name;
        let form = read(&[
            ("a", "words"),
            (file("f; filename=\"\""), ""),
            (file("f; filename=\"e\""), ""),
            (file("f; filename=\"x/1.png\""), "12345678"),
            (file("f; filename=\"2\""), "123456789"),
            (file("f; filename=\"3\""), "3"),
        ])
        .await
        .expect("a form");
        assert_eq!(form.fields, [("a".to_owned(), Bytes::from_static(b"words"))]);
        let fates = [Some(UploadFault::Empty), None, Some(UploadFault::TooLarge), Some(UploadFault::TooMany)];
        assert_eq!((faults(&form), form.cut), (fates.to_vec(), false));
        let kept = form.files[1].kept.as_ref().expect("kept");
        assert_eq!((form.files[1].name.as_str(), kept.bytes, kept.sha256.len()), ("1.png", 8, 64));
    }

    #[tokio::test]
    async fn a_form_with_too_much_in_it_is_refused_or_cut() {
        assert_eq!(read(&[("a", &"x".repeat(65))]).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(read(&vec![("a", ""); 201]).await, Err(StatusCode::BAD_REQUEST));
        let form = read(&[("a", "words"), ("f; filename=1", &"x".repeat(2 << 20))]).await.expect("a form");
        assert!(form.cut && form.fields.len() == 1 && form.files.is_empty());
    }
}
