//! The meaning of a kernel written down as plainly as possible: trees are walked, one element after the other.

use saltus::kernel::interpret::meaning;
use saltus::kernel::ir::{Const, Expr, Index, Kernel, LoopShape, Place, Stmt};
use saltus::kernel::maths;

use crate::memory::{After, Array, Memory};

struct Walker<'a> {
    kernel: &'a Kernel,
    arrays: Vec<Array>,
    locals: Vec<Option<Const>>,
    element: i32,
    flags: u64,
}

pub fn run(kernel: &Kernel, memory: &Memory) -> After {
    let locals = vec![None; kernel.locals.len()];
    let mut walker = Walker { kernel, arrays: memory.arrays.clone(), locals, element: -1, flags: 0 };
    kernel.scalar.iter().for_each(|stmt| walker.statement(stmt));
    let mut selected = Vec::new();
    for k in memory.begin..memory.end {
        walker.element = if kernel.shape == LoopShape::Indexed { memory.indices[k as usize] } else { k as i32 };
        kernel.vector.iter().for_each(|stmt| walker.statement(stmt));
        if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &kernel.shape
            && walker.expr(condition) == Const::Bool(true)
        {
            selected.push(walker.element);
        }
    }
    After { arrays: walker.arrays, selected, flags: walker.flags }
}

impl Walker<'_> {
    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(id, value) => self.locals[id.0 as usize] = Some(self.expr(value)),
            Stmt::Store { place, value, when } => {
                let value = self.expr(value);
                let holds = when.as_ref().is_none_or(|when| self.expr(when) == Const::Bool(true));
                if holds {
                    let at = self.index(*place);
                    self.arrays[place.param.0 as usize].set(at, value);
                }
            }
            Stmt::Flag(bit, condition) => {
                if self.expr(condition) == Const::Bool(true) {
                    self.flags |= 1 << bit;
                }
            }
        }
    }

    fn index(&self, place: Place) -> usize {
        match place.index {
            Index::Zero => 0,
            Index::Element => self.element as usize,
            Index::Via(holder) => match self.arrays[holder.0 as usize].get(self.element as usize) {
                Const::I32(at) => at as usize,
                other => panic!("{other:?} is no index"),
            },
        }
    }

    fn expr(&self, expr: &Expr) -> Const {
        match expr {
            Expr::Const(c) => *c,
            Expr::Local(id) => self.locals[id.0 as usize].expect("a local is computed before it is used"),
            Expr::Load(place) => self.arrays[place.param.0 as usize].get(self.index(*place)),
            Expr::Element => Const::I32(self.element),
            Expr::Unary(op, x) => meaning::unary(*op, self.expr(x)).expect("the operation has a meaning here"),
            Expr::Binary(op, x, y) => {
                meaning::binary(*op, self.expr(x), self.expr(y)).expect("the operation has a meaning here")
            }
            Expr::Select(condition, x, y) => {
                let (x, y) = (self.expr(x), self.expr(y));
                if self.expr(condition) == Const::Bool(true) { x } else { y }
            }
            Expr::Cast(to, x) => {
                let x = self.expr(x);
                assert_ne!(x.ty(), *to);
                meaning::cast(*to, x)
            }
            Expr::Call(name, arguments) => {
                let arguments: Vec<f64> = arguments.iter().map(|a| self.float(a)).collect();
                Const::f64(maths::eval(name, &arguments).expect("a known function"))
            }
            Expr::Gather(param, index) => match self.expr(index) {
                Const::I64(at) => self.arrays[param.0 as usize].get(usize::try_from(at).expect("an index in range")),
                other => panic!("{other:?} is no index"),
            },
            Expr::Table(name, _) => panic!("a kernel reads no table, such as `{name}`"),
        }
    }

    fn float(&self, expr: &Expr) -> f64 {
        match self.expr(expr) {
            Const::F64(bits) => f64::from_bits(bits),
            other => panic!("{other:?} is no float of {:?}", self.kernel.shape),
        }
    }
}
