//! Kernels made at random from a list of choices: small lists make small kernels, so that failures shrink.

use saltus::kernel::arguments::Output;
use saltus::kernel::ir::{
    BinaryOp, Const, Expr, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt, Storage, Type,
    UnaryOp,
};

use crate::memory::GATHERED_LEN;

/// Name, storage, scalar, written. The first array of I32 holds indices and is never written; the last ones are read at
/// computed indices only.
const PARAMS: [(&str, Storage, bool, bool); 17] = [
    ("v", Storage::F64, false, true),
    ("w", Storage::F64, false, true),
    ("j", Storage::I32, false, false),
    ("I", Storage::F64, false, false),
    ("x", Storage::F32, false, true),
    ("count", Storage::I32, false, true),
    ("last", Storage::I64, false, true),
    ("active", Storage::Bool, false, true),
    ("tau", Storage::F64, true, false),
    ("total", Storage::F64, true, true),
    ("offset", Storage::I32, true, false),
    ("gain", Storage::F32, true, false),
    ("stimulus", Storage::F64, false, false),
    ("weights", Storage::F32, false, false),
    ("order", Storage::I32, false, false),
    ("steps", Storage::I64, false, false),
    ("open", Storage::Bool, false, false),
];
const FIRST_GATHERED: usize = 12;
const HOLDER: ParamId = ParamId(2);
const FLOATS: [f64; 12] = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 0.1, -3.25, 1e300, f64::INFINITY, f64::NAN, 5e-324];
const INTEGERS: [i32; 9] = [0, 1, -1, 2, 3, -7, 100, i32::MAX, i32::MIN];

struct Generator<'a> {
    choices: std::slice::Iter<'a, u32>,
    locals: Vec<Local>,
    scalar_part: bool,
}

/// A well-formed kernel.
pub fn kernel(choices: &[u32]) -> Kernel {
    kernel_and_outputs(choices, [&[], &[]]).0
}

/// A well-formed kernel, and values to be computed at the ends of its scalar part and of its vector part, by lists of
/// choices of their own.
pub fn kernel_and_outputs<'a>(choices: &'a [u32], ends: [&'a [u32]; 2]) -> (Kernel, Vec<Output>) {
    let mut g = Generator { choices: choices.iter(), locals: Vec::new(), scalar_part: true };
    let shape = g.choose(4);
    let scalar = (0..g.choose(4)).map(|_| g.statement()).collect();
    let mut computed = g.outputs(ends[0], "of_all");
    g.scalar_part = false;
    let vector = (0..1 + g.choose(7)).map(|_| g.statement()).collect();
    let shape = match shape {
        0 => LoopShape::Each,
        1 => LoopShape::Select(g.expr(Type::Bool, 3)),
        2 => LoopShape::Indexed,
        _ => LoopShape::Pairs(g.expr(Type::Bool, 3)),
    };
    let params = PARAMS.map(|(name, storage, scalar, written)| Param { name: name.into(), storage, scalar, written });
    computed.extend(g.outputs(ends[1], "of_each"));
    (Kernel { shape, params: params.into(), locals: g.locals, scalar, vector }, computed)
}

impl<'a> Generator<'a> {
    /// A number below `n`; 0 once the choices are used up.
    fn choose(&mut self, n: usize) -> usize {
        self.choices.next().map_or(0, |c| *c as usize % n)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.choose(from.len())]
    }

    /// A few values, none without choices.
    fn outputs(&mut self, choices: &'a [u32], stem: &str) -> Vec<Output> {
        let choices = std::mem::replace(&mut self.choices, choices.iter());
        let mut outputs = Vec::new();
        while self.choices.len() > 0 && outputs.len() < 3 {
            let storage = self.pick(&[Storage::F64, Storage::F32, Storage::Bool, Storage::I32, Storage::I64]);
            let name = format!("{stem}_{}", outputs.len());
            outputs.push(Output { name, storage, scalar: self.scalar_part, value: self.expr(storage.ty(), 4) });
        }
        self.choices = choices;
        outputs
    }

    fn statement(&mut self) -> Stmt {
        match self.choose(8) {
            0..3 => {
                let ty = self.pick(&[Type::F64, Type::F64, Type::Bool, Type::I32, Type::I64]);
                let value = self.expr(ty, 3);
                self.locals.push(Local { name: format!("l{}", self.locals.len()), ty });
                Stmt::Let(LocalId(self.locals.len() as u32 - 1), value)
            }
            3..6 => {
                let place = self.place(None, true);
                let ty = PARAMS[place.param.0 as usize].1.ty();
                let when = (self.choose(3) == 1).then(|| self.expr(Type::Bool, 2));
                let (op, own) = (self.pick(&[BinaryOp::Add, BinaryOp::Sub]), Expr::Load(place));
                let value = match self.choose(3) {
                    1 if ty != Type::Bool => Expr::binary(op, own, self.expr(ty, 2)),
                    _ => self.expr(ty, 3),
                };
                Stmt::Store { place, value, when }
            }
            6 => Stmt::Flag(self.choose(64) as u8, self.expr(Type::Bool, 2)),
            _ => Stmt::Comment(format!("statement {}", self.locals.len())),
        }
    }

    /// A place that can be reached from this part, of the type, or of any type to be written.
    fn place(&mut self, ty: Option<Type>, write: bool) -> Place {
        let fits = |(p, (_, storage, scalar, written)): &(usize, (&str, Storage, bool, bool))| {
            let reachable = if write { *written && *scalar == self.scalar_part } else { *scalar || !self.scalar_part };
            *p < FIRST_GATHERED && reachable && ty.is_none_or(|ty| storage.ty() == ty)
        };
        let candidates: Vec<usize> = PARAMS.into_iter().enumerate().filter(fits).map(|(p, _)| p).collect();
        let p = self.pick(&candidates);
        let index = match PARAMS[p].2 {
            true => Index::Zero,
            false if self.choose(4) == 1 => Index::Via(HOLDER),
            false => Index::Element,
        };
        Place { param: ParamId(p as u16), index }
    }

    fn leaf(&mut self, ty: Type) -> Expr {
        let of_type: Vec<u32> = (0..self.locals.len() as u32).filter(|l| self.locals[*l as usize].ty == ty).collect();
        match self.choose(3) {
            0 if !of_type.is_empty() => Expr::Local(LocalId(self.pick(&of_type))),
            1 if ty == Type::I32 && !self.scalar_part => Expr::Element,
            2 if matches!(ty, Type::F64 | Type::I32) || !self.scalar_part => Expr::Load(self.place(Some(ty), false)),
            _ => Expr::Const(match ty {
                Type::Bool => Const::Bool(self.choose(2) == 1),
                Type::I32 => Const::I32(self.pick(&INTEGERS)),
                Type::I64 => Const::I64(self.pick(&INTEGERS).into()),
                Type::F64 => Const::f64(self.pick(&FLOATS)),
            }),
        }
    }

    fn expr(&mut self, ty: Type, depth: usize) -> Expr {
        if depth == 0 || self.choose(6) == 0 {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.choose(9) {
            8 => self.gather(ty, depth),
            0 => Expr::select(self.expr(Type::Bool, depth), self.expr(ty, depth), self.expr(ty, depth)),
            1 => {
                let others = [Type::Bool, Type::I32, Type::I64, Type::F64].map(|from| (from != ty).then_some(from));
                let others: Vec<Type> = others.into_iter().flatten().collect();
                let from = self.pick(&others);
                Expr::cast(ty, self.expr(from, depth))
            }
            2 => self.special(ty, depth),
            _ => self.arithmetic(ty, depth),
        }
    }

    /// An element of an array at an index within it.
    fn gather(&mut self, ty: Type, depth: usize) -> Expr {
        let fits = |p: &usize| PARAMS[*p].1.ty() == ty;
        let candidates: Vec<usize> = (FIRST_GATHERED..PARAMS.len()).filter(fits).collect();
        let param = ParamId(self.pick(&candidates) as u16);
        let index = self.expr(Type::I64, depth);
        let len = Expr::Const(Const::I64(GATHERED_LEN as i64));
        Expr::Gather(param, Box::new(Expr::binary(BinaryOp::Mod, index, len)))
    }

    fn arithmetic(&mut self, ty: Type, depth: usize) -> Expr {
        use BinaryOp::*;
        let op = match ty {
            Type::Bool => match self.choose(3) {
                0 => self.pick(&[And, Or, Eq, Ne]),
                _ => {
                    let of = self.pick(&[Type::F64, Type::F64, Type::I32, Type::I64]);
                    let op = self.pick(&[Lt, Le, Eq, Ne]);
                    return Expr::binary(op, self.expr(of, depth), self.expr(of, depth));
                }
            },
            Type::I32 => self.pick(&[Add, Sub, Mul, FloorDiv, Mod]),
            Type::I64 => self.pick(&[Add, Sub, Mul, FloorDiv, Mod, And, Or, Xor]),
            Type::F64 => self.pick(&[Add, Sub, Mul, Div]),
        };
        Expr::binary(op, self.expr(ty, depth), self.expr(ty, depth))
    }

    fn special(&mut self, ty: Type, depth: usize) -> Expr {
        match (ty, self.choose(8)) {
            (Type::Bool, _) => Expr::unary(UnaryOp::Not, self.expr(ty, depth)),
            (Type::I64, 1) => {
                // The bits of a NaN have no meaning.
                let x = self.expr(Type::F64, depth);
                let is_number = Expr::binary(BinaryOp::Eq, x.clone(), x.clone());
                Expr::unary(UnaryOp::ToBits, Expr::select(is_number, x, Expr::f64(0.0)))
            }
            (Type::I64, 2..5) => {
                let op = self.pick(&[BinaryOp::Shl, BinaryOp::Shr]);
                Expr::binary(op, self.expr(ty, depth), Expr::Const(Const::I64(self.choose(64) as i64)))
            }
            (Type::F64, 1) => Expr::unary(UnaryOp::FromBits, self.expr(Type::I64, depth)),
            (Type::F64, 2) => Expr::Call("exp", vec![self.expr(ty, depth)]),
            (Type::F64, 3) => Expr::Call("pow", vec![self.expr(ty, depth), self.expr(ty, depth)]),
            (Type::F64, 4) => Expr::unary(UnaryOp::Round32, self.expr(ty, depth)),
            (Type::F64, _) => {
                let op = self.pick(&[UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Sqrt, UnaryOp::Floor, UnaryOp::Trunc]);
                Expr::unary(op, self.expr(ty, depth))
            }
            _ => Expr::unary(UnaryOp::Neg, self.expr(ty, depth)),
        }
    }
}
