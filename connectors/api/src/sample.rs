//! A stored HTTP request (`.http`): what `jiesu try` and golden tests feed to a channel.

use crate::Request;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::net::{IpAddr, Ipv4Addr};

/// Headers in one sample, at most.
const MAX_HEADERS: usize = 100;
/// The client's address in a sample (RFC 5737: for documentation).
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// One request to a channel, as written in a file: `METHOD /channels/{id}… HTTP/1.1`, headers, an empty line, the body.
///
/// Lines may end in LF or CRLF. Before the request line, empty lines and comments (`#`, `//`) are skipped. With
/// `Content-Length` the body is that long; without it, it is the rest of the file but for one final line break, which
/// editors add.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The channel's id in the path.
    pub channel: String,
    /// The request, as the gateway would hand it to the channel.
    pub request: Request,
}

/// A file that is no sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SampleError {
    /// The line at fault, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Sample {
    /// Reads a file. The body is a slice of it, not a copy.
    ///
    /// # Errors
    /// [`SampleError`] names the line.
    pub fn parse(file: &Bytes) -> Result<Self, SampleError> {
        let mut lines = Lines { file, at: 0, line: 0 };
        let first = loop {
            match lines.next()? {
                Some("") => {}
                Some(comment) if comment.starts_with('#') || comment.starts_with("//") => {}
                Some(line) => break line,
                None => return Err(lines.fault("the file has no request line, as POST /channels/web HTTP/1.1")),
            }
        };
        let (method, channel, path, query) = request_line(first).map_err(|what| lines.fault(what))?;
        let mut headers = HeaderMap::new();
        while let Some(line) = lines.next()?.filter(|line| !line.is_empty()) {
            let (name, value) = header_line(line).map_err(|what| lines.fault(what))?;
            if headers.len() == MAX_HEADERS {
                return Err(lines.fault(format!("more than {MAX_HEADERS} headers")));
            }
            headers.append(name, value);
        }
        let body = lines.body(&headers)?;
        Ok(Self { channel, request: Request { method, path, query, headers, body, peer: PEER } })
    }
}

type RequestLine = (Method, String, String, Option<String>);

fn request_line(line: &str) -> Result<RequestLine, String> {
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err("no request line, as POST /channels/web HTTP/1.1".into());
    };
    if !words.next().is_none_or(|version| version.starts_with("HTTP/")) || words.next().is_some() {
        return Err("after the path only HTTP/1.1 may follow".into());
    }
    let method = method.parse::<Method>().map_err(|_| format!("{method:?} is no HTTP method"))?;
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let Some(below) = path.strip_prefix("/channels/").filter(|below| !below.is_empty()) else {
        return Err(format!("the path {path:?} is not that of a channel: /channels/{{id}}…"));
    };
    let (channel, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
    Ok((method, channel.into(), rest.into(), query))
}

fn header_line(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let Some((name, value)) = line.split_once(':') else { return Err("no header, as Name: value".into()) };
    let name = name.parse::<HeaderName>().map_err(|_| format!("{name:?} is no header name"))?;
    if name == header::TRANSFER_ENCODING {
        return Err("chunked bodies are not read: store the plain body".into());
    }
    let value = HeaderValue::from_str(value.trim()).map_err(|_| format!("the value of {name} is no header value"))?;
    Ok((name, value))
}

struct Lines<'a> {
    file: &'a Bytes,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Option<&'a str>, SampleError> {
        self.line += 1;
        let rest = &self.file[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.at += (end + 1).min(rest.len());
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        std::str::from_utf8(line).map(Some).map_err(|_| self.fault("not UTF-8: only the body may hold other bytes"))
    }

    fn body(self, headers: &HeaderMap) -> Result<Bytes, SampleError> {
        let rest = self.file.slice(self.at..);
        let Some(length) = headers.get(header::CONTENT_LENGTH) else {
            let kept = rest.strip_suffix(b"\r\n").or(rest.strip_suffix(b"\n")).unwrap_or(&rest).len();
            return Ok(rest.slice(..kept));
        };
        let length = length.to_str().ok().and_then(|text| text.parse::<usize>().ok());
        match length {
            Some(length) if length <= rest.len() && rest[length..].trim_ascii().is_empty() => Ok(rest.slice(..length)),
            _ => Err(self.fault(format!("Content-Length does not fit the body of {} bytes", rest.len()))),
        }
    }

    fn fault(&self, what: impl Into<String>) -> SampleError {
        SampleError { line: self.line, what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Result<Sample, SampleError> {
        Sample::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_request_is_read_as_the_gateway_would_hand_it_on() {
        let sample =
            parse("# a call\n\nPOST https://h:1/channels/ivr/status?a=b HTTP/1.1\r\nX-A: 1\r\n\r\nx=1\n\n").unwrap();
        assert_eq!((sample.channel.as_str(), sample.request.path.as_str()), ("ivr", "/status"));
        assert_eq!(sample.request.query.as_deref(), Some("a=b"));
        assert_eq!(sample.request.headers["x-a"], "1");
        assert_eq!(sample.request.body, "x=1\n");
        let sized = parse("POST /channels/a\nContent-Length: 2\n\n{}\n").unwrap();
        assert_eq!((sized.request.path.as_str(), &sized.request.body[..]), ("", &b"{}"[..]));
    }

    #[test]
    fn what_is_no_sample_is_refused_with_its_line() {
        let line = |text| parse(text).unwrap_err().line;
        assert_eq!(line(""), 1);
        assert_eq!(line("\nGET /status HTTP/1.1\n\n"), 2);
        assert_eq!(line("GET /channels/a HTTP/1.1 x\n"), 1);
        assert_eq!(line("GET /channels/a HTTP/1.1\nno header\n"), 2);
        assert_eq!(line("POST /channels/a HTTP/1.1\nContent-Length: 9\n\nshort"), 3);
        assert_eq!(line("POST /channels/a HTTP/1.1\nTransfer-Encoding: chunked\n\n"), 2);
    }
}
