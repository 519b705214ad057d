//! Bodies that nobody would send in good faith.

/// An endless, repeatable stream of hostile bodies: random bytes, and `samples` with bytes flipped, cut, repeated and
/// spliced. The same `seed` gives the same bodies, so a failure can be run again.
pub fn hostile_bodies(seed: u64, samples: &[&[u8]]) -> impl Iterator<Item = Vec<u8>> {
    let mut dice = Dice(seed | 1);
    std::iter::from_fn(move || {
        let mut body = match samples.len() as u64 {
            0 => Vec::new(),
            count => samples[dice.below(count)].to_vec(),
        };
        if body.is_empty() || dice.below(8) == 0 {
            let length = dice.below(200);
            body = (0..length).map(|_| dice.below(256) as u8).collect();
        }
        for _ in 0..=dice.below(4) {
            dice.spoil(&mut body);
        }
        Some(body)
    })
}

/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 12] = [
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"%00",
    b"%zz",
    b"\\ud800",
    "\u{202e}".as_bytes(),
    "\u{200b}".as_bytes(),
    b"[[[[[[[[[[[[[[[[",
    b"1e999",
    b"-0",
    b"\"",
];

/// xorshift64* (Vigna 2016): no secret, only variety.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit.max(1)) as usize
    }

    fn spoil(&mut self, body: &mut Vec<u8>) {
        let at = self.below(body.len() as u64 + 1);
        match self.below(4) {
            0 if at < body.len() => body[at] ^= 1 << self.below(8),
            1 => body.truncate(at),
            2 => {
                let again = body[at..].to_vec();
                body.extend(again);
            }
            _ => {
                let piece = PIECES[self.below(PIECES.len() as u64)];
                body.splice(at..at, piece.iter().copied());
            }
        }
    }
}
