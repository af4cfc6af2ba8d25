//! An argon2 hash of the configuration, and the one block of memory in which passwords are checked against it.
//!
//! argon2 fills tens of megabytes for each check. If they were allocated for every guess, an allocator with an arena for each thread (glibc's) would
//! keep one such block for every thread that ever checked a password. Here there is one block for the whole process, as large as the most expensive
//! hash of the configuration, and one check at a time; the cost of a hash is limited, so a guess costs a known amount of memory and time.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};

use super::token::is_same;

/// Most memory that a hash may need for its check, in KiB: what RFC 9106 recommends where memory is short.
pub(crate) const MAX_MEMORY_KIB: u32 = 64 << 10;
/// Most passes over that memory.
pub(crate) const MAX_PASSES: u32 = 16;
/// Most lanes. They are computed one after the other.
pub(crate) const MAX_LANES: u32 = 16;
/// Least memory, and least memory times passes (both in KiB), below which a hash is cheap to guess: the OWASP recommendations for argon2id.
const MIN_MEMORY_KIB: u32 = 7168;
const MIN_MEMORY_PASSES_KIB: u64 = 35_840;

/// A hash, parsed and within the limits.
#[derive(Clone)]
pub(crate) struct ConfiguredHash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl std::fmt::Debug for ConfiguredHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfiguredHash").field("params", &self.params).finish_non_exhaustive()
    }
}

impl ConfiguredHash {
    /// Parses the text that `automap config hash-password` prints, or another argon2 program.
    ///
    /// # Errors
    /// Why it cannot be used; never the text itself.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        const NO_HASH: &str =
            "it is not an argon2 hash: store what `automap config hash-password` prints, not the password";
        let hash = PasswordHash::new(text).map_err(|_| NO_HASH)?;
        let algorithm: Algorithm = hash.algorithm.as_str().try_into().map_err(|_| NO_HASH)?;
        let version = hash.version.map(Version::try_from).transpose().map_err(|_| NO_HASH)?.unwrap_or_default();
        let params = Params::try_from(&hash).map_err(|_| NO_HASH)?;
        let (Some(salt), Some(output)) = (&hash.salt, &hash.hash) else { return Err(NO_HASH.to_owned()) };
        for (name, value, most) in [
            ("m", params.m_cost(), MAX_MEMORY_KIB),
            ("t", params.t_cost(), MAX_PASSES),
            ("p", params.p_cost(), MAX_LANES),
        ] {
            if value > most {
                return Err(format!(
                    "its cost {name}={value} is above {most}, so every guess of a password would cost too much; hash it again with \
                     `automap config hash-password`"
                ));
            }
        }
        Ok(Self { algorithm, version, params, salt: salt.to_vec(), output: output.as_bytes().to_vec() })
    }

    /// A hash of the same cost that matches no password, so that an unknown name takes as long as a known one.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub(crate) fn decoy(&self) -> Result<Self, String> {
        let mut decoy = self.clone();
        let random = SystemRandom::new();
        random.fill(&mut decoy.salt).and_then(|()| random.fill(&mut decoy.output)).map_err(|e| e.to_string())?;
        Ok(decoy)
    }

    /// Memory of a check times passes: what a guess costs.
    pub(crate) fn cost_kib(&self) -> u64 {
        u64::from(self.params.m_cost()) * u64::from(self.params.t_cost())
    }

    /// Why passwords could be guessed cheaply from this hash if it were stolen; `None` if they could not.
    pub(crate) fn weakness(&self) -> Option<String> {
        let (m, t) = (self.params.m_cost(), self.params.t_cost());
        if self.algorithm != Algorithm::Argon2id {
            return Some(format!("it is made with {}, not argon2id", self.algorithm.as_str()));
        }
        let is_cheap = m < MIN_MEMORY_KIB || self.cost_kib() < MIN_MEMORY_PASSES_KIB;
        is_cheap.then(|| format!("its cost m={m},t={t} is low"))
    }
}

/// The memory in which passwords are checked, one at a time.
#[derive(Default)]
pub(crate) struct CheckMemory(Mutex<Vec<Block>>);

impl CheckMemory {
    /// Whether the password has this hash. Blocks for tens of milliseconds, and longer while another one is checked.
    pub(crate) fn matches(&self, password: &str, hash: &ConfiguredHash) -> bool {
        let mut memory = self.0.lock();
        let needed = hash.params.block_count();
        if memory.len() < needed {
            // Exactly: `resize` may take twice as much.
            let more = needed - memory.len();
            memory.reserve_exact(more);
            memory.resize(needed, Block::new());
        }
        let argon2 = Argon2::new(hash.algorithm, hash.version, hash.params.clone());
        let mut found = vec![0; hash.output.len()];
        let done =
            argon2.hash_password_into_with_memory(password.as_bytes(), &hash.salt, &mut found, memory.as_mut_slice());
        done.is_ok() && is_same(&found, &hash.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash as the library makes it, with memory of its own.
    fn encode(params: &str, password: &str) -> String {
        let of = |name: &str| -> u32 {
            params.split(',').find_map(|p| p.strip_prefix(name)).and_then(|v| v.parse().ok()).unwrap()
        };
        let params = Params::new(of("m="), of("t="), of("p="), Some(32)).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        use argon2::PasswordHasher;
        argon2.hash_password_with_salt(password.as_bytes(), b"saltsalt").unwrap().to_string()
    }

    #[test]
    fn the_shared_memory_gives_the_same_answers_as_memory_of_their_own() {
        let memory = CheckMemory::default();
        for params in ["m=256,t=2,p=1", "m=64,t=3,p=2", "m=512,t=1,p=4", "m=8,t=1,p=1"] {
            let hash = ConfiguredHash::parse(&encode(params, "correct horse")).unwrap();
            for _ in 0..2 {
                assert!(memory.matches("correct horse", &hash), "{params}");
                assert!(!memory.matches("battery staple", &hash), "{params}");
            }
            assert!(!memory.matches("correct horse", &hash.decoy().unwrap()));
        }
        assert_eq!(memory.0.lock().len(), 512, "one block of memory, as large as the most expensive needs");
    }

    #[test]
    fn what_a_guess_costs_is_limited() {
        let text =
            |params: &str| format!("$argon2id$v=19${params}$c2FsdHNhbHQ$CdfYRT4Xqh5VVKlyHgKJGkKXBpJrOZ5LXkHh0UdB4Gk");
        assert!(ConfiguredHash::parse(&text("m=65536,t=3,p=4")).is_ok());
        for (params, name) in
            [("m=4194304,t=2,p=1", "m=4194304"), ("m=19456,t=1000,p=1", "t=1000"), ("m=65536,t=2,p=64", "p=64")]
        {
            let error = ConfiguredHash::parse(&text(params)).unwrap_err();
            assert!(error.contains(name) && error.contains("hash-password"), "{error}");
        }
        for text in
            ["hunter2", "$argon2id$v=19$m=19456,t=2,p=1", "$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ$CdfYRT4Xqh5VVKlyHgKJGg"]
        {
            let error = ConfiguredHash::parse(text).unwrap_err();
            assert!(error.contains("not an argon2 hash") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn cheap_hashes_are_recognised() {
        let weakness = |params: &str| {
            let salt = "$c2FsdHNhbHQ$CdfYRT4Xqh5VVKlyHgKJGkKXBpJrOZ5LXkHh0UdB4Gk";
            ConfiguredHash::parse(&format!("$argon2id$v=19${params}{salt}")).unwrap().weakness()
        };
        for fine in ["m=19456,t=2,p=1", "m=7168,t=5,p=1", "m=47104,t=1,p=1"] {
            assert_eq!(weakness(fine), None, "{fine}");
        }
        for cheap in ["m=8,t=1,p=1", "m=4096,t=16,p=1", "m=19456,t=1,p=1"] {
            assert!(weakness(cheap).is_some_and(|w| w.contains("low")), "{cheap}");
        }
    }
}
