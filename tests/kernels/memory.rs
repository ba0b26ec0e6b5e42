//! Arrays for the parameters of a kernel, and what a call of it left in them.

use saltus::kernel::ir::{Const, Expr, Index, Kernel, LoopShape, ParamId, Stmt, Storage};

/// Elements of an array that is read at computed indices, whatever the loop runs over.
pub const GATHERED_LEN: usize = 37;

/// The elements of one parameter, at addresses that suit every storage type.
#[derive(Clone, Debug)]
pub struct Array {
    pub storage: Storage,
    pub len: usize,
    words: Vec<u64>,
}

impl Array {
    pub fn new(storage: Storage, len: usize) -> Array {
        Array { storage, len, words: vec![0; (len * storage.size()).div_ceil(8) + 1] }
    }

    pub fn pointer(&mut self) -> *mut u8 {
        self.words.as_mut_ptr().cast()
    }

    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        assert!(at < self.len, "element {at} of {}", self.len);
        std::array::from_fn(|k| {
            let byte = at * N + k;
            self.words[byte / 8].to_ne_bytes()[byte % 8]
        })
    }

    fn set_bytes<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        assert!(at < self.len, "element {at} of {}", self.len);
        for (k, byte) in bytes.into_iter().enumerate() {
            let word = &mut self.words[(at * N + k) / 8];
            let mut all = word.to_ne_bytes();
            all[(at * N + k) % 8] = byte;
            *word = u64::from_ne_bytes(all);
        }
    }

    pub fn get(&self, at: usize) -> Const {
        match self.storage {
            Storage::Bool => Const::Bool(self.bytes::<1>(at)[0] != 0),
            Storage::I32 => Const::I32(i32::from_ne_bytes(self.bytes(at))),
            Storage::I64 => Const::I64(i64::from_ne_bytes(self.bytes(at))),
            Storage::F32 => Const::f64(f32::from_ne_bytes(self.bytes(at)).into()),
            Storage::F64 => Const::f64(f64::from_ne_bytes(self.bytes(at))),
        }
    }

    pub fn set(&mut self, at: usize, value: Const) {
        match (self.storage, value) {
            (Storage::Bool, Const::Bool(x)) => self.set_bytes(at, [u8::from(x)]),
            (Storage::I32, Const::I32(x)) => self.set_bytes(at, x.to_ne_bytes()),
            (Storage::I64, Const::I64(x)) => self.set_bytes(at, x.to_ne_bytes()),
            (Storage::F32, Const::F64(bits)) => self.set_bytes(at, (f64::from_bits(bits) as f32).to_ne_bytes()),
            (Storage::F64, Const::F64(bits)) => self.set_bytes(at, bits.to_ne_bytes()),
            (storage, value) => panic!("{value:?} does not fit {storage:?}"),
        }
    }
}

/// What a call works on.
#[derive(Clone, Debug)]
pub struct Memory {
    pub arrays: Vec<Array>,
    pub begin: i64,
    pub end: i64,
    pub indices: Vec<i32>,
}

/// What a call left.
#[derive(Clone, Debug)]
pub struct After {
    pub arrays: Vec<Array>,
    pub selected: Vec<i32>,
    pub flags: u64,
}

/// A small generator of numbers: tests must not depend on a library's.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

const SPECIAL_F64: [f64; 22] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    f64::MAX,
    f64::MIN,
    2147483647.5,
    2147483648.0,
    -2147483649.0,
    9.3e18,
    -9223372036854775808.0,
    4503599627370497.5,
    709.9,
    -745.5,
];
const SPECIAL_I32: [i32; 10] = [0, 1, -1, 2, -2, 7, -7, i32::MAX, i32::MIN, i32::MIN + 1];
const SPECIAL_I64: [i64; 10] = [0, 1, -1, 2, -2, 7, -7, i64::MAX, i64::MIN, 1 << 53];

impl Memory {
    /// Arrays of `n` elements with ordinary and special values; parameters that hold indices hold valid ones.
    pub fn random(kernel: &Kernel, n: usize, seed: u64) -> Memory {
        let mut rng = Rng(seed);
        let Roles { holders, gathered } = Roles::of(kernel);
        let arrays = kernel.params.iter().enumerate().map(|(p, param)| {
            let len = match (param.scalar, gathered[p]) {
                (true, _) => 1,
                (_, true) => GATHERED_LEN,
                _ => n,
            };
            let mut array = Array::new(param.storage, len);
            for at in 0..array.len {
                let value = match param.storage {
                    Storage::I32 if holders[p] => Const::I32(rng.below(n) as i32),
                    storage => random_value(storage, &mut rng),
                };
                array.set(at, value);
            }
            array
        });
        let arrays = arrays.collect();
        let mut indices = Vec::new();
        let (mut begin, mut end) = (0, n as i64);
        if kernel.shape == LoopShape::Indexed {
            indices = (0..n as i32).filter(|_| rng.below(3) > 0).collect();
            end = indices.len() as i64;
        } else if n > 20 && rng.below(2) == 1 {
            (begin, end) = (rng.below(9) as i64, n as i64 - rng.below(9) as i64);
        }
        Memory { arrays, begin, end, indices }
    }

    pub fn pointers(&mut self) -> Vec<*mut u8> {
        self.arrays.iter_mut().map(Array::pointer).collect()
    }
}

/// What arrays are for: those that hold indices, and those that are read at computed indices.
struct Roles {
    holders: Vec<bool>,
    gathered: Vec<bool>,
}

impl Roles {
    fn of(kernel: &Kernel) -> Roles {
        let none = vec![false; kernel.params.len()];
        let mut roles = Roles { holders: none.clone(), gathered: none };
        for stmt in kernel.scalar.iter().chain(&kernel.vector) {
            match stmt {
                Stmt::Comment(_) => {}
                Stmt::Let(_, value) | Stmt::Flag(_, value) => roles.expr(value),
                Stmt::Store { place, value, when } => {
                    roles.index(place.index);
                    roles.expr(value);
                    when.iter().for_each(|when| roles.expr(when));
                }
            }
        }
        if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape {
            roles.expr(condition);
        }
        roles
    }

    fn expr(&mut self, expr: &Expr) {
        expr.walk(&mut |e| match e {
            Expr::Load(place) => self.index(place.index),
            Expr::Gather(ParamId(p), _) => self.gathered[*p as usize] = true,
            _ => {}
        });
    }

    fn index(&mut self, index: Index) {
        if let Index::Via(ParamId(p)) = index {
            self.holders[p as usize] = true;
        }
    }
}

fn random_value(storage: Storage, rng: &mut Rng) -> Const {
    let special = rng.below(4) == 0;
    match storage {
        Storage::Bool => Const::Bool(rng.below(2) == 1),
        Storage::I32 if special => Const::I32(SPECIAL_I32[rng.below(SPECIAL_I32.len())]),
        Storage::I32 => Const::I32(rng.below(200) as i32 - 100),
        Storage::I64 if special => Const::I64(SPECIAL_I64[rng.below(SPECIAL_I64.len())]),
        Storage::I64 => Const::I64(rng.below(2000) as i64 - 1000),
        Storage::F32 | Storage::F64 if special => Const::f64(SPECIAL_F64[rng.below(SPECIAL_F64.len())]),
        Storage::F32 | Storage::F64 => Const::f64((rng.next() >> 11) as f64 / (1u64 << 53) as f64 * 20.0 - 10.0),
    }
}

/// The first difference, any NaN being equal to any NaN.
pub fn difference(kernel: &Kernel, expected: &After, found: &After) -> Option<String> {
    if expected.flags != found.flags {
        return Some(format!("flags {:#x}, expected {:#x}", found.flags, expected.flags));
    }
    if expected.selected != found.selected {
        return Some(format!("selected {:?}, expected {:?}", found.selected, expected.selected));
    }
    for (param, (expected, found)) in kernel.params.iter().zip(expected.arrays.iter().zip(&found.arrays)) {
        for at in 0..expected.len {
            let (x, y) = (expected.get(at), found.get(at));
            if !same(x, y) {
                let show =
                    |c| if let Const::F64(bits) = c { format!("{:?}", f64::from_bits(bits)) } else { format!("{c:?}") };
                return Some(format!("{}[{at}] is {}, expected {}", param.name, show(y), show(x)));
            }
        }
    }
    None
}

fn same(x: Const, y: Const) -> bool {
    match (x, y) {
        (Const::F64(x), Const::F64(y)) if f64::from_bits(x).is_nan() => f64::from_bits(y).is_nan(),
        _ => x == y,
    }
}
