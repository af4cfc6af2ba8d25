//! Random text that nobody can guess: for cookies, and to identify a login at an identity provider.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

/// Random bytes of a text: 43 characters, the fewest that RFC 7636 allows for a verifier.
const BYTES: usize = 32;

/// 32 random bytes as text for cookies and addresses; `None` if the system has no random bytes.
pub(crate) fn random_text() -> Option<String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}
