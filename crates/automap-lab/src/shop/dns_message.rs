//! The part of the DNS wire format (RFC 1035) that the lab's name server and its clients need: one question for an IPv4 address, and its answer.
//!
//! ```text
//! id | flags | 1 question | answers | 0 | 0 || labels of the name, 0 | type A | class IN || answer: pointer to the name, A, IN, TTL, 4, address
//! ```

use std::net::Ipv4Addr;

/// Longest message over UDP without extensions.
pub(super) const MAX_BYTES: usize = 512;

const HEADER_BYTES: usize = 12;
const TYPE_A_CLASS_IN: [u8; 4] = [0, 1, 0, 1];
const RECURSION_DESIRED: [u8; 2] = [0x01, 0x00];
/// Answer, recursion available; the last four bits are the code.
const ANSWER: [u8; 2] = [0x81, 0x80];
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const TTL_S: [u8; 4] = [0, 0, 0, 5];

/// The server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The address.
    Address(Ipv4Addr),
    /// The name does not exist.
    NoSuchName,
    /// The server failed.
    Failed,
}

impl Answer {
    /// The name of the response code.
    pub(crate) fn rcode(self) -> &'static str {
        match self {
            Self::Address(_) => "NOERROR",
            Self::NoSuchName => "NXDOMAIN",
            Self::Failed => "SERVFAIL",
        }
    }
}

/// A question for `name`.
pub(crate) fn question(id: u16, name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + name.len() + 6);
    out.extend(id.to_be_bytes());
    out.extend(RECURSION_DESIRED);
    out.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.').filter(|l| !l.is_empty()) {
        // Labels have 63 bytes at most; those of the shop are far shorter.
        let label = label.as_bytes().get(..label.len().min(63)).unwrap_or_default();
        out.push(label.len() as u8);
        out.extend(label);
    }
    out.push(0);
    out.extend(TYPE_A_CLASS_IN);
    out
}

/// The name in a question; `None` if the message is no such question.
pub(crate) fn name_of(message: &[u8]) -> Option<String> {
    let mut rest = message.get(HEADER_BYTES..)?;
    let mut name = String::new();
    loop {
        let (length, after) = rest.split_first()?;
        let length = usize::from(*length);
        if length == 0 {
            return after.starts_with(&TYPE_A_CLASS_IN).then_some(name);
        }
        // A pointer, or longer than a label may be.
        if length > 63 {
            return None;
        }
        let label = std::str::from_utf8(after.get(..length)?).ok()?;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(label);
        rest = after.get(length..)?;
    }
}

/// The answer to a question.
pub(crate) fn answer(question: &[u8], answer: Answer) -> Vec<u8> {
    let mut out = question.to_vec();
    let code = match answer {
        Answer::Address(_) => 0,
        Answer::NoSuchName => NXDOMAIN,
        Answer::Failed => SERVFAIL,
    };
    if let Some(flags) = out.get_mut(2..4) {
        flags.copy_from_slice(&[ANSWER[0], ANSWER[1] | code]);
    }
    if let Answer::Address(address) = answer {
        if let Some(answers) = out.get_mut(6..8) {
            answers.copy_from_slice(&[0, 1]);
        }
        out.extend([0xc0, HEADER_BYTES as u8]);
        out.extend(TYPE_A_CLASS_IN);
        out.extend(TTL_S);
        out.extend([0, 4]);
        out.extend(address.octets());
    }
    out
}

/// Reads the answer to the question `id`; `None` if the message is not one.
pub(crate) fn read(id: u16, message: &[u8]) -> Option<Answer> {
    let (header, _) = message.split_at_checked(HEADER_BYTES)?;
    if header.get(..2)? != id.to_be_bytes() {
        return None;
    }
    match header.get(3)? & 0x0f {
        0 => {
            let octets: [u8; 4] = message.get(message.len().checked_sub(4)?..)?.try_into().ok()?;
            Some(Answer::Address(octets.into()))
        }
        NXDOMAIN => Some(Answer::NoSuchName),
        _ => Some(Answer::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_are_read_as_they_were_written() {
        let name = "catalogue.sock-shop.svc.cluster.local";
        let asked = question(4711, name);
        assert_eq!(name_of(&asked).as_deref(), Some(name));
        for expected in [Answer::Address(Ipv4Addr::LOCALHOST), Answer::NoSuchName, Answer::Failed] {
            assert_eq!(read(4711, &answer(&asked, expected)), Some(expected));
        }
        assert_eq!(read(1, &answer(&asked, Answer::Failed)), None);
    }

    #[test]
    fn what_is_no_question_is_refused() {
        assert_eq!(name_of(&[0; 5]), None);
        assert_eq!(name_of(&[0xff; 40]), None);
        let cut = question(1, "catalogue");
        assert_eq!(name_of(&cut[..cut.len() - 6]), None);
    }
}
