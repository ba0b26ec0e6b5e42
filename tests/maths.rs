//! The maths library: generated files, error bounds, special cases, and the same bits in the host and in kernels.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use saltus::kernel::ir::{BinaryOp, Expr, LocalId, ParamId, Place, Type, UnaryOp};
use saltus::kernel::maths::{Block, Builtin, Scalar, all, lookup, operators};
use saltus::render::Language;
use saltus::render::expr::{Dialect, Names, expr, needs};
use saltus::render::maths::{generate, prelude};

/// The checked-in files are what the library makes; `SALTUS_UPDATE=1` makes them.
#[test]
fn generated_files_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generate().unwrap_or_else(|error| panic!("{error}"));
    let update = std::env::var_os("SALTUS_UPDATE").is_some();
    for file in &files {
        let path = root.join(&file.path);
        if update {
            std::fs::write(&path, &file.text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == file.text, "{} is not what library.ir makes: run with SALTUS_UPDATE=1", file.path);
    }
    for folder in ["templates/c/maths", "templates/rust/maths"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder of generated text").flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            assert!(files.iter().any(|f| f.path == path), "{path} is of no function in library.ir: remove it");
        }
    }
}

/// SplitMix64: the same arguments in every run.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / (1u64 << 53) as f64)
    }

    /// Any double: every exponent is as likely.
    fn any(&mut self) -> f64 {
        f64::from_bits(self.bits())
    }
}

/// Zeros, infinities, NaN, the ends of the ranges of doubles and of each function, and their neighbours.
fn edges() -> Vec<f64> {
    let points = [
        0.0,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        f64::INFINITY,
        1.0,
        2.0,
        3.0,
        0.5,
        1.5,
        0.625,
        2.4,
        10.0,
        22.0,
        37.0,
        40.0,
        64.0,
        709.782712893384,
        710.4758600739439,
        716.3,
        745.1332191019412,
        708.3964185322641,
        746.0,
        720.0,
        1023.0,
        1024.0,
        1074.0,
        1075.0,
        1e22,
        1e300,
        5.319372648326541e255,
        1048576.0,
        2251799813685248.0,
        4503599627370496.0,
        9007199254740992.0,
        1e-8,
        1e-300,
        2f64.powi(-30),
        2f64.powi(-54),
        2f64.powi(70),
        std::f64::consts::LN_2,
        std::f64::consts::LN_2 / 2.0,
        std::f64::consts::FRAC_1_SQRT_2,
        std::f64::consts::SQRT_2,
        0.8660254037844386,
        1.224744871391589,
        std::f64::consts::FRAC_PI_4,
        std::f64::consts::FRAC_PI_2,
        std::f64::consts::PI,
        f64::EPSILON,
    ];
    let mut all = vec![f64::NAN];
    for point in points {
        for near in [point, point.next_down(), point.next_up()] {
            all.extend([near, -near]);
        }
    }
    all
}

/// How many doubles lie between, plus one; 0 if equal or both no number.
fn distance(x: f64, y: f64) -> u64 {
    let place = |v: f64| {
        let bits = v.to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    };
    match (x.is_nan(), y.is_nan()) {
        (true, true) => 0,
        (false, false) => place(x).abs_diff(place(y)),
        _ => u64::MAX,
    }
}

fn same(x: f64, y: f64) -> bool {
    x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan())
}

fn builtin(name: &str) -> &'static Builtin {
    lookup(name).unwrap_or_else(|| panic!("the library has no {name}"))
}

/// The largest distance from the correctly rounded value over edges, every exponent, and these ranges.
fn check_bound(name: &str, reference: fn(f64) -> f64, count: usize, extra: &mut dyn FnMut(&mut Random, usize) -> f64) {
    let builtin = builtin(name);
    let Block::One(block) = builtin.block else { panic!("{name} has two arguments") };
    let mut random = Random(7);
    let mut x = edges();
    x.extend((0..count).map(|k| if k % 4 == 0 { random.any() } else { extra(&mut random, k) }));
    let mut y = vec![0.0; x.len()];
    block(&x, &mut y);
    let (mut worst, mut at) = (0, 0.0);
    for (x, y) in x.iter().zip(&y) {
        let wanted = reference(*x);
        let error = distance(*y, wanted);
        if error > worst {
            (worst, at) = (error, *x);
        }
        assert!(*y != 0.0 || y.is_sign_negative() == wanted.is_sign_negative(), "{name}({x:?}) has the wrong zero");
    }
    eprintln!("{name}: at most {worst} from the correctly rounded value, at {at:?}");
    assert!(worst as f64 <= builtin.bound_ulp, "{name}({at:?}) is {worst} off, more than {}", builtin.bound_ulp);
}

macro_rules! bounds {
    ($($test:ident: $name:literal, $reference:path, $count:literal, [$($low:literal .. $high:literal),+];)*) => {$(
        #[test]
        fn $test() {
            let ranges = [$(($low as f64, $high as f64)),+];
            check_bound($name, $reference, $count, &mut |random, k| {
                let (low, high) = ranges[k % ranges.len()];
                random.uniform(low, high)
            });
        }
    )*};
}

bounds! {
    exp_is_within_its_bound: "exp", core_math::exp, 1_000_000, [-746..710, -1..1, -20..20];
    expm1_is_within_its_bound: "expm1", core_math::expm1, 1_000_000, [-40..710, -1.5..1.5, 0.34..0.37];
    exprel_is_within_its_bound: "exprel", exprel_reference, 150_000, [-70..717, -2..2, -0.4..0.4];
    log_is_within_its_bound: "log", core_math::log, 1_000_000, [0.5..2, 0.99..1.01, 0..1000];
    log1p_is_within_its_bound: "log1p", core_math::log1p, 1_000_000, [-1..1, -0.01..0.01, 0..1000];
    log2_is_within_its_bound: "log2", core_math::log2, 1_000_000, [0.5..2, 0.99..1.01, 0..1000];
    log10_is_within_its_bound: "log10", core_math::log10, 1_000_000, [0.5..2, 0.99..1.01, 0..1000];
    sinh_is_within_its_bound: "sinh", core_math::sinh, 500_000, [-711..711, -2..2, -0.01..0.01];
    cosh_is_within_its_bound: "cosh", core_math::cosh, 500_000, [-711..711, -2..2, -0.01..0.01];
    tanh_is_within_its_bound: "tanh", core_math::tanh, 500_000, [-22..22, -2..2, -0.5..0.5];
    arcsin_is_within_its_bound: "arcsin", core_math::asin, 1_000_000, [-1..1, 0.49..0.6, 0.999..1];
    arccos_is_within_its_bound: "arccos", core_math::acos, 1_000_000, [-1..1, 0.49..0.6, 0.999..1];
    arctan_is_within_its_bound: "arctan", core_math::atan, 1_000_000, [-3..3, 0.6..0.7, 2..1000];
}

/// Small, up to the limit of the short reduction, large, and near multiples of pi / 2, the hardest.
fn angle(random: &mut Random, k: usize) -> f64 {
    match k % 4 {
        1 => random.uniform(-10.0, 10.0),
        2 => random.uniform(-2e6, 2e6),
        _ => {
            let multiple = (random.bits() >> (12 + random.bits() % 51)) as f64 * std::f64::consts::FRAC_PI_2;
            f64::from_bits(multiple.to_bits().wrapping_add(random.bits() % 5).saturating_sub(2))
        }
    }
}

#[test]
fn sin_is_within_its_bound() {
    check_bound("sin", core_math::sin, 1_000_000, &mut angle);
}

#[test]
fn cos_is_within_its_bound() {
    check_bound("cos", core_math::cos, 1_000_000, &mut angle);
}

#[test]
fn tan_is_within_its_bound() {
    check_bound("tan", core_math::tan, 1_000_000, &mut angle);
}

/// Pairs of arguments of `pow`: any, moderate, and such that the power is a double of any size.
fn pair(random: &mut Random, k: usize) -> (f64, f64) {
    let base = |random: &mut Random| match random.bits() % 3 {
        0 => random.any().abs(),
        1 => random.uniform(0.5, 2.0),
        _ => 1.0 + random.uniform(-1e-3, 1e-3) * random.uniform(0.0, 1.0).powi(8),
    };
    match k % 8 {
        0 => (random.any(), random.any()),
        1 => (random.uniform(0.0, 10.0), random.uniform(-10.0, 10.0)),
        2 => (random.uniform(-10.0, 10.0), random.uniform(-20.0, 20.0).round()),
        _ => {
            let x = base(random);
            (x, random.uniform(-1075.0, 1024.0) / x.log2())
        }
    }
}

#[test]
fn pow_is_within_its_bound() {
    let Scalar::Two(pow) = builtin("pow").scalar else { panic!("pow has two arguments") };
    let edges = edges();
    let mut random = Random(11);
    let pairs = edges.iter().flat_map(|x| edges.iter().map(move |y| (*x, *y)));
    let (mut worst, mut at) = (0, (0.0, 0.0));
    for (x, y) in pairs.chain((0..700_000).map(|k| pair(&mut random, k))) {
        let (value, wanted) = (pow(x, y), core_math::pow(x, y));
        let error = distance(value, wanted);
        if error > worst {
            (worst, at) = (error, (x, y));
        }
        let zeros_agree = value != 0.0 || value.is_sign_negative() == wanted.is_sign_negative();
        assert!(zeros_agree && error < 2, "pow({x:?}, {y:?}) is {value:?}, not {wanted:?}");
    }
    eprintln!("pow: at most {worst} from the correctly rounded value, at {at:?}");
    assert!(worst as f64 <= builtin("pow").bound_ulp);
}

/// A number in two doubles, for the one function that has no correctly rounded implementation.
#[derive(Clone, Copy)]
struct Double(f64, f64);

impl Double {
    fn sum(x: f64, y: f64) -> Double {
        let s = x + y;
        let t = s - x;
        Double(s, (x - (s - t)) + (y - t))
    }

    fn add(self, other: Double) -> Double {
        let (high, low) = (Double::sum(self.0, other.0), Double::sum(self.1, other.1));
        let middle = Double::sum(high.0, high.1 + low.0);
        Double::sum(middle.0, middle.1 + low.1)
    }

    fn mul(self, other: Double) -> Double {
        let product = self.0 * other.0;
        let error = self.0.mul_add(other.0, -product);
        Double::sum(product, error + (self.0 * other.1 + self.1 * other.0))
    }

    fn div(self, divisor: f64) -> Double {
        let head = self.0 / divisor;
        let rest = (-head).mul_add(divisor, self.0) + self.1;
        Double::sum(head, rest / divisor)
    }

    /// e^x - 1 for |x| < 800 where that is finite: a series for a small part of x, doubled as often as needed.
    fn expm1(x: f64) -> Double {
        let doublings = 12;
        let small = x / f64::from(1u32 << doublings);
        let mut sum = Double(1.0, 0.0);
        for k in (2..14).rev() {
            sum = Double(1.0, 0.0).add(sum.mul(Double(small, 0.0)).div(f64::from(k)));
        }
        let mut result = sum.mul(Double(small, 0.0));
        for _ in 0..doublings {
            result = result.mul(result.add(Double(2.0, 0.0)));
        }
        result
    }
}

fn exprel_reference(x: f64) -> f64 {
    if x.abs() < 1e-15 {
        return 1.0 + 0.5 * x;
    }
    if x < -800.0 || x.is_nan() {
        return -1.0 / x;
    }
    if x > 720.0 {
        return f64::INFINITY;
    }
    if x > 700.0 {
        // e^x itself would overflow; the one is far below.
        let part = Double::expm1(x - 64.0).div(x).mul(Double::expm1(64.0).add(Double(1.0, 0.0)));
        return if part.0.is_finite() { part.0 } else { f64::INFINITY };
    }
    Double::expm1(x).div(x).0
}

/// A compiler and its arguments that make a shared library.
struct Build {
    compiler: &'static str,
    arguments: &'static [&'static str],
}

const NUMERIC: [&str; 4] = ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fwrapv"];

const BUILDS: [Build; 17] = [
    Build { compiler: "gcc", arguments: &["-O0"] },
    Build { compiler: "gcc", arguments: &["-O1"] },
    Build { compiler: "gcc", arguments: &["-O3"] },
    Build { compiler: "gcc", arguments: &["-O0", "-march=haswell"] },
    Build { compiler: "gcc", arguments: &["-O3", "-march=haswell"] },
    Build { compiler: "gcc", arguments: &["-O3", "-march=skylake-avx512", "-mprefer-vector-width=512"] },
    Build { compiler: "clang", arguments: &["-O0"] },
    Build { compiler: "clang", arguments: &["-O1"] },
    Build { compiler: "clang", arguments: &["-O3"] },
    Build { compiler: "clang", arguments: &["-O0", "-march=haswell"] },
    Build { compiler: "clang", arguments: &["-O3", "-march=haswell"] },
    Build { compiler: "clang", arguments: &["-O3", "-march=skylake-avx512", "-mprefer-vector-width=512"] },
    Build { compiler: "tcc", arguments: &[] },
    Build { compiler: "rustc", arguments: &["-Copt-level=0"] },
    Build { compiler: "rustc", arguments: &["-Copt-level=3"] },
    Build { compiler: "rustc", arguments: &["-Copt-level=3", "-Ctarget-cpu=haswell"] },
    Build { compiler: "rustc", arguments: &["-Copt-level=3", "-Ctarget-cpu=skylake-avx512"] },
];

const CRATE: [&str; 6] = [
    "--edition=2021",
    "--crate-type=cdylib",
    "--cap-lints=allow",
    "-Cpanic=abort",
    "-Cdebug-assertions=no",
    "-Clink-args=-nostdlib -Wl,-z,defs",
];

/// What a crate without the standard library begins with.
const CRATE_HEAD: &str = "#![no_std]\n#![no_builtins]\n\
    #[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! {\n    loop {}\n}\n";

/// One text in both languages.
struct Sources {
    c: String,
    rust: String,
}

impl Build {
    fn runs_here(&self) -> bool {
        let needs = |cpu: &str| self.arguments.iter().any(|a| a.starts_with('-') && a.ends_with(&format!("={cpu}")));
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512cd");
            (!needs("haswell") || is_x86_feature_detected!("avx2")) && (!needs("skylake-avx512") || avx512)
        }
        #[cfg(not(target_arch = "x86_64"))]
        !(needs("haswell") || needs("skylake-avx512"))
    }

    /// The library of this source; none, with a word, if the compiler is absent. Undefined symbols are errors.
    fn library(&self, directory: &Path, number: usize) -> Option<libloading::Library> {
        let object: PathBuf = directory.join(format!("build{number}.so"));
        let mut command = Command::new(self.compiler);
        command.args(self.arguments).arg("-o").arg(&object);
        let source = if self.compiler == "rustc" { "source.rs" } else { "source.c" };
        match self.compiler {
            "rustc" => command.args(CRATE),
            "tcc" => command.args(["-shared", "-fPIC", "-nostdlib"]),
            _ => {
                command.args(NUMERIC).args(["-std=gnu11", "-Wall", "-Werror", "-Wno-unused-function"]);
                command.args(["-shared", "-fPIC", "-nostdlib", "-Wl,-z,defs"])
            }
        };
        let Ok(output) = command.arg(directory.join(source)).output() else {
            eprintln!("{} is not on this machine: skipped", self.compiler);
            return None;
        };
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {:?}: {messages}", self.compiler, self.arguments);
        // SAFETY: the library has no initialisers, only the functions of the source.
        Some(unsafe { libloading::Library::new(&object) }.unwrap_or_else(|e| panic!("cannot load {object:?}: {e}")))
    }
}

/// Runs `check` on the source built by every compiler there is.
fn with_every_build(sources: &Sources, check: impl Fn(&libloading::Library, &str) + Sync) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in [("source.c", &sources.c), ("source.rs", &sources.rust)] {
        std::fs::write(directory.path().join(name), text).expect("the source can be written");
    }
    std::thread::scope(|scope| {
        for (number, build) in BUILDS.iter().enumerate().filter(|(_, b)| b.runs_here()) {
            let (directory, check) = (directory.path(), &check);
            scope.spawn(move || {
                if let Some(library) = build.library(directory, number) {
                    check(&library, &format!("{} {:?}", build.compiler, build.arguments));
                }
            });
        }
    });
}

fn c_types() -> String {
    let abi = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/abi.h");
    std::fs::read_to_string(abi).expect("the header of the ABI")
}

type BlockOne = unsafe extern "C" fn(*const f64, *mut f64, i64);
type BlockTwo = unsafe extern "C" fn(*const f64, *const f64, *mut f64, i64);

/// Every compiler at every level gives the bits of the host's form, over slices and one by one, and needs no library.
#[test]
fn kernels_give_the_bits_of_the_host() {
    let names = || all().iter().map(|b| b.name);
    let mut c = c_types() + &prelude(Language::C, names());
    let mut rust = CRATE_HEAD.to_owned() + &prelude(Language::Rust, names());
    for b in all() {
        let (y, call) = if b.arity == 1 { ("", "x[i]") } else { ("const double *y, ", "x[i], y[i]") };
        let _ = write!(
            c,
            "void block_{0}(const double *x, {y}double *restrict out, i64 n) {{\n    \
             for (i64 i = 0; i < n; i++) out[i] = saltus_{0}({call});\n}}\n",
            b.name
        );
        let (y, call) = if b.arity == 1 { ("", "*x.add(i)") } else { ("y: *const f64, ", "*x.add(i), *y.add(i)") };
        let _ = write!(
            rust,
            "#[no_mangle]\npub unsafe extern \"C\" fn block_{0}(x: *const f64, {y}out: *mut f64, n: usize) {{\n    \
             for i in 0..n {{ *out.add(i) = saltus_{0}({call}); }}\n}}\n",
            b.name
        );
    }
    let (x, y) = arguments();
    let wanted: Vec<Vec<f64>> = all().iter().map(|b| rust_values(b, &x, &y)).collect();
    with_every_build(&Sources { c, rust }, |library, build| {
        for (b, wanted) in all().iter().zip(&wanted) {
            let mut found = vec![0.0; x.len()];
            let symbol = format!("block_{}", b.name);
            let n = x.len() as i64;
            match b.block {
                Block::One(_) => {
                    // SAFETY: the source defines this function with this type; the slices have n elements.
                    unsafe { library.get::<BlockOne>(&symbol).expect("defined")(x.as_ptr(), found.as_mut_ptr(), n) }
                }
                Block::Two(_) => {
                    // SAFETY: as above.
                    let function = unsafe { library.get::<BlockTwo>(&symbol) }.expect("defined");
                    // SAFETY: as above.
                    unsafe { function(x.as_ptr(), y.as_ptr(), found.as_mut_ptr(), n) }
                }
            }
            for k in 0..x.len() {
                let (f, w) = (found[k], wanted[k]);
                assert!(same(f, w), "{build}: {}({:?}, {:?}) is {f:?}, in the host {w:?}", b.name, x[k], y[k]);
            }
        }
    });
}

/// Edges, any doubles and moderate ones; the number is no multiple of a vector's length.
fn arguments() -> (Vec<f64>, Vec<f64>) {
    let mut random = Random(3);
    let mut x = edges();
    x.extend((0..100_001).map(|k| match k % 4 {
        0 => random.any(),
        1 => random.uniform(-750.0, 750.0),
        2 => random.uniform(-3.0, 3.0),
        _ => angle(&mut random, k),
    }));
    let mut y = edges();
    y.reverse();
    y.extend(
        (y.len()..x.len()).map(|k| if k % 5 == 0 { random.any() } else { random.uniform(-9.0, 9.0).round() / 2.0 }),
    );
    (x, y)
}

fn rust_values(builtin: &Builtin, x: &[f64], y: &[f64]) -> Vec<f64> {
    let mut values = vec![0.0; x.len()];
    match (builtin.block, builtin.scalar) {
        (Block::One(block), Scalar::One(f)) => {
            block(x, &mut values);
            let alone = x.iter().map(|x| f(*x));
            assert!(values.iter().zip(alone).all(|(v, w)| same(*v, w)), "{}: block and single differ", builtin.name);
        }
        (Block::Two(block), Scalar::Two(f)) => {
            block(x, y, &mut values);
            let alone = x.iter().zip(y).map(|(x, y)| f(*x, *y));
            assert!(values.iter().zip(alone).all(|(v, w)| same(*v, w)), "{}: block and single differ", builtin.name);
        }
        _ => panic!("{}: block and single differ in arity", builtin.name),
    }
    values
}

/// An operation over `x` and `y` of a type, and its meaning over bits.
struct Operation {
    ty: Type,
    expr: Expr,
    meaning: fn(i64, i64) -> i64,
}

struct XAndY(Type);

impl Names for XAndY {
    fn local(&self, id: LocalId) -> String {
        ["x", "y"][id.0 as usize].to_string()
    }

    fn load(&self, _: Place) -> String {
        unreachable!("no memory")
    }

    fn gather(&self, _: ParamId, _: &str) -> String {
        unreachable!("no memory")
    }

    fn element(&self) -> String {
        unreachable!("no loop")
    }

    fn wide_element(&self) -> String {
        unreachable!("no loop")
    }

    fn type_of(&self, expr: &Expr) -> Type {
        let local = |name: &str| saltus::kernel::ir::Local { name: name.into(), ty: self.0 };
        saltus::kernel::ir::type_of(expr, &[local("x"), local("y")], &[])
    }
}

fn operations() -> Vec<Operation> {
    use Type::{Bool, F64, I32, I64};
    let x = || Expr::Local(LocalId(0));
    let y = || Expr::Local(LocalId(1));
    fn d(bits: i64) -> f64 {
        f64::from_bits(bits as u64)
    }
    fn b(value: f64) -> i64 {
        value.to_bits() as i64
    }
    let mut list = Vec::new();
    let mut unary = |ty, op, meaning| list.push(Operation { ty, expr: Expr::unary(op, x()), meaning });
    unary(F64, UnaryOp::Neg, |x, _| b(-d(x)));
    unary(I32, UnaryOp::Neg, |x, _| i64::from((x as i32).wrapping_neg()));
    unary(I64, UnaryOp::Neg, |x, _| x.wrapping_neg());
    unary(Bool, UnaryOp::Not, |x, _| 1 - x);
    unary(F64, UnaryOp::Abs, |x, _| b(d(x).abs()));
    unary(F64, UnaryOp::Sqrt, |x, _| b(d(x).sqrt()));
    unary(F64, UnaryOp::Floor, |x, _| b(d(x).floor()));
    unary(F64, UnaryOp::Trunc, |x, _| b(d(x).trunc()));
    unary(F64, UnaryOp::Round32, |x, _| b(f64::from(d(x) as f32)));
    let mut binary = |ty, op, meaning| list.push(Operation { ty, expr: Expr::binary(op, x(), y()), meaning });
    binary(F64, BinaryOp::Add, |x, y| b(d(x) + d(y)));
    binary(F64, BinaryOp::Sub, |x, y| b(d(x) - d(y)));
    binary(F64, BinaryOp::Mul, |x, y| b(d(x) * d(y)));
    binary(F64, BinaryOp::Div, |x, y| b(d(x) / d(y)));
    binary(F64, BinaryOp::Lt, |x, y| i64::from(d(x) < d(y)));
    binary(F64, BinaryOp::Le, |x, y| i64::from(d(x) <= d(y)));
    binary(F64, BinaryOp::Eq, |x, y| i64::from(d(x) == d(y)));
    binary(F64, BinaryOp::Ne, |x, y| i64::from(d(x) != d(y)));
    binary(I32, BinaryOp::Add, |x, y| i64::from((x as i32).wrapping_add(y as i32)));
    binary(I32, BinaryOp::Sub, |x, y| i64::from((x as i32).wrapping_sub(y as i32)));
    binary(I32, BinaryOp::Mul, |x, y| i64::from((x as i32).wrapping_mul(y as i32)));
    binary(I32, BinaryOp::FloorDiv, |x, y| i64::from(operators::div_i32(x as i32, y as i32)));
    binary(I32, BinaryOp::Mod, |x, y| i64::from(operators::mod_i32(x as i32, y as i32)));
    binary(I32, BinaryOp::Lt, |x, y| i64::from((x as i32) < (y as i32)));
    binary(I64, BinaryOp::Add, i64::wrapping_add);
    binary(I64, BinaryOp::Sub, i64::wrapping_sub);
    binary(I64, BinaryOp::Mul, i64::wrapping_mul);
    binary(I64, BinaryOp::FloorDiv, operators::div_i64);
    binary(I64, BinaryOp::Mod, operators::mod_i64);
    binary(I64, BinaryOp::And, |x, y| x & y);
    binary(I64, BinaryOp::Or, |x, y| x | y);
    binary(I64, BinaryOp::Xor, |x, y| x ^ y);
    binary(I64, BinaryOp::Le, |x, y| i64::from(x <= y));
    binary(Bool, BinaryOp::And, |x, y| x & y);
    binary(Bool, BinaryOp::Or, |x, y| x | y);
    binary(Bool, BinaryOp::Eq, |x, y| i64::from(x == y));
    let mut other = |ty, expr, meaning| list.push(Operation { ty, expr, meaning });
    let count = || Expr::binary(BinaryOp::And, y(), Expr::Const(saltus::kernel::ir::Const::I64(63)));
    other(I64, Expr::binary(BinaryOp::Shl, x(), count()), |x, y| x << (y & 63));
    other(I64, Expr::binary(BinaryOp::Shr, x(), count()), |x, y| (x as u64 >> (y & 63)) as i64);
    other(F64, Expr::cast(I32, x()), |x, _| i64::from(operators::to_i32(d(x))));
    other(F64, Expr::cast(I64, x()), |x, _| operators::to_i64(d(x)));
    other(F64, Expr::cast(Bool, x()), |x, _| i64::from(d(x) != 0.0));
    other(I32, Expr::cast(F64, x()), |x, _| b(f64::from(x as i32)));
    other(I64, Expr::cast(F64, x()), |x, _| b(x as f64));
    other(I64, Expr::cast(I32, x()), |x, _| i64::from(x as i32));
    other(I64, Expr::cast(Bool, x()), |x, _| i64::from(x != 0));
    other(Bool, Expr::cast(F64, x()), |x, _| b(x as f64));
    let sum = || Expr::binary(BinaryOp::Add, x(), y());
    other(I64, Expr::unary(UnaryOp::FromBits, sum()), i64::wrapping_add);
    // Nobody looks at a NaN's bits.
    let number = Expr::select(Expr::binary(BinaryOp::Eq, x(), x()), x(), Expr::f64(0.0));
    other(F64, Expr::unary(UnaryOp::ToBits, number), |x, _| if d(x).is_nan() { 0 } else { x });
    let less = || Expr::binary(BinaryOp::Lt, x(), y());
    other(F64, Expr::select(less(), x(), y()), |x, y| if d(x) < d(y) { x } else { y });
    // Parentheses where the trees need them.
    let product = || Expr::binary(BinaryOp::Mul, x(), y());
    let nested = Expr::binary(BinaryOp::Sub, x(), Expr::binary(BinaryOp::Sub, y(), product()));
    other(I64, nested, |x, y| x.wrapping_sub(y.wrapping_sub(x.wrapping_mul(y))));
    let negated = Expr::unary(UnaryOp::Neg, Expr::unary(UnaryOp::Neg, Expr::binary(BinaryOp::Sub, x(), y())));
    other(I64, negated, |x, y| x.wrapping_sub(y));
    let masked =
        Expr::binary(BinaryOp::Eq, Expr::binary(BinaryOp::And, x(), y()), Expr::binary(BinaryOp::Or, x(), y()));
    other(I64, masked, |x, y| i64::from(x & y == x | y));
    let chosen = Expr::binary(BinaryOp::Add, Expr::select(less(), x(), y()), Expr::select(less(), y(), x()));
    other(I64, chosen, |x, y| x.wrapping_add(y));
    list
}

/// Every operation of the IR means in kernels, by every compiler at every level, what it means in the host.
#[test]
fn operators_mean_the_same_in_kernels() {
    let operations = operations();
    let (mut functions, mut used) = (String::new(), BTreeSet::from(["bits", "float"]));
    let mut rust_functions = String::new();
    for (number, operation) in operations.iter().enumerate() {
        let names = XAndY(operation.ty);
        needs(&operation.expr, &names, &mut used);
        let (c_type, take) = match operation.ty {
            Type::Bool => ("_Bool", "(_Bool)"),
            Type::I32 => ("i32", "(i32)"),
            Type::I64 => ("i64", "(i64)"),
            Type::F64 => ("double", "saltus_float"),
        };
        let give = if names.type_of(&operation.expr) == Type::F64 { "saltus_bits" } else { "(i64)" };
        let text = expr(Dialect::C, &operation.expr, &names);
        let _ = write!(
            functions,
            "void op_{number}(const i64 *xs, const i64 *ys, i64 *restrict out, i64 n) {{\n    \
             for (i64 i = 0; i < n; i++) {{\n        const {c_type} x = {take}(xs[i]), y = {take}(ys[i]);\n        \
             (void)x, (void)y;\n        out[i] = {give}({text});\n    }}\n}}\n",
        );
        let take = |from: &str| match operation.ty {
            Type::Bool => format!("*{from}.add(i) != 0"),
            Type::I32 => format!("*{from}.add(i) as i32"),
            Type::I64 => format!("*{from}.add(i)"),
            Type::F64 => format!("saltus_float(*{from}.add(i))"),
        };
        let give = if names.type_of(&operation.expr) == Type::F64 { "saltus_bits" } else { "i64::from" };
        let text = expr(Dialect::Rust, &operation.expr, &names);
        let _ = write!(
            rust_functions,
            "#[no_mangle]\npub unsafe extern \"C\" fn op_{number}(xs: *const i64, ys: *const i64, out: *mut i64, n: usize) \
             {{\n    for i in 0..n {{\n        let (x, y) = ({}, {});\n        *out.add(i) = {give}({text});\n    }}\n}}\n",
            take("xs"),
            take("ys"),
        );
    }
    let c = c_types() + &prelude(Language::C, used.clone()) + &functions;
    let rust = CRATE_HEAD.to_owned() + &prelude(Language::Rust, used) + &rust_functions;
    let mut random = Random(5);
    let doubles = edges();
    let mut integers = vec![0, 1, -1, 2, -2, 3, -3, i64::MIN, i64::MAX, i64::from(i32::MIN), i64::from(i32::MAX)];
    integers.extend((0..40).map(|k| random.bits() as i64 >> k));
    let mut limits: Vec<f64> =
        vec![2147483647.5, 2147483648.0, -2147483648.9, -2147483649.0, 9.3e18, -9.3e18, 2.5, -0.5];
    limits.extend([9223372036854775808.0, -9223372036854775808.0, 2f64.powi(52) + 0.5, 2f64.powi(51) + 0.5]);
    limits.extend((0..300).map(|k| if k % 2 == 0 { random.any() } else { random.uniform(-100.0, 100.0) }));
    let of_doubles: Vec<i64> = doubles.iter().chain(&limits).map(|v| v.to_bits() as i64).collect();
    let pairs = |values: &[i64]| -> (Vec<i64>, Vec<i64>) {
        values.iter().flat_map(|x| values.iter().map(move |y| (*x, *y))).unzip()
    };
    let (of_doubles, of_integers, of_booleans) = (pairs(&of_doubles), pairs(&integers), pairs(&[0, 1]));
    with_every_build(&Sources { c, rust }, |library, build| {
        for (number, operation) in operations.iter().enumerate() {
            let (x, y) = match operation.ty {
                Type::Bool => &of_booleans,
                Type::F64 => &of_doubles,
                _ => &of_integers,
            };
            let mut found = vec![0i64; x.len()];
            type Over = unsafe extern "C" fn(*const i64, *const i64, *mut i64, i64);
            let symbol = format!("op_{number}");
            // SAFETY: the source defines this function with this type; the slices have as many elements.
            let function = unsafe { library.get::<Over>(&symbol) }.expect("defined");
            // SAFETY: as above.
            unsafe { function(x.as_ptr(), y.as_ptr(), found.as_mut_ptr(), x.len() as i64) };
            let float = XAndY(operation.ty).type_of(&operation.expr) == Type::F64;
            for k in 0..x.len() {
                let wanted = (operation.meaning)(x[k], y[k]);
                let nan = |bits: i64| float && f64::from_bits(bits as u64).is_nan();
                let agree = found[k] == wanted || (nan(found[k]) && nan(wanted));
                assert!(
                    agree,
                    "{build}: {:?} of {:#x} and {:#x} is {:#x}, not {wanted:#x}",
                    operation.expr, x[k], y[k], found[k]
                );
            }
        }
    });
}
