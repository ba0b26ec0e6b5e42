//! The values of a kernel as a graph in which equal values are one node. Building it folds constants and drops work that
//! changes no bit of any input.

use rustc_hash::FxHashMap;

use crate::kernel::interpret::meaning;
use crate::kernel::ir::{BinaryOp, Const, Expr, Index, Kernel, Param, ParamId, Place, Type, UnaryOp};
use crate::kernel::maths;

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(u32);

/// What computes a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Const(Const),
    /// With how often the array and the one that holds its index were written before.
    Load(Place, [u32; 2]),
    Element,
    Unary(UnaryOp, NodeId),
    Binary(BinaryOp, [NodeId; 2]),
    Select([NodeId; 3]),
    Cast(Type, NodeId),
    Call(&'static str, Vec<NodeId>),
    Table(&'static str, NodeId),
    Gather(ParamId, NodeId),
}

impl Node {
    /// The operands, in order.
    pub(super) fn operands(&self) -> &[NodeId] {
        match self {
            Node::Const(_) | Node::Load(..) | Node::Element => &[],
            Node::Unary(_, x) | Node::Cast(_, x) | Node::Table(_, x) | Node::Gather(_, x) => std::slice::from_ref(x),
            Node::Binary(_, operands) => operands,
            Node::Select(operands) => operands,
            Node::Call(_, operands) => operands,
        }
    }
}

struct Facts {
    node: Node,
    ty: Type,
    varies: bool,
    /// The name of the first local that holds it.
    name: Option<String>,
}

/// The values, each once.
#[derive(Default)]
pub(super) struct Graph {
    facts: Vec<Facts>,
    known: FxHashMap<Node, NodeId>,
    /// How often each parameter was written so far.
    versions: FxHashMap<ParamId, u32>,
}

impl Graph {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.facts[id.0 as usize].node
    }

    pub(super) fn ty(&self, id: NodeId) -> Type {
        self.facts[id.0 as usize].ty
    }

    /// Whether the value may differ from element to element.
    pub(super) fn varies(&self, id: NodeId) -> bool {
        self.facts[id.0 as usize].varies
    }

    /// The name that the kernel gives it.
    pub(super) fn name_of(&self, id: NodeId) -> Option<&str> {
        self.facts[id.0 as usize].name.as_deref()
    }

    /// Notes the name of a local that holds the value, unless it has one.
    pub(super) fn name(&mut self, id: NodeId, name: &str) {
        self.facts[id.0 as usize].name.get_or_insert_with(|| name.to_owned());
    }

    /// Number of values; their ids are below.
    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    /// The ids of all values, operands before what they are operands of.
    pub(super) fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.facts.len() as u32).map(NodeId)
    }

    /// The place of a value in a list of [`Graph::len`] entries.
    pub(super) fn position(id: NodeId) -> usize {
        id.0 as usize
    }

    /// From now on loads of the parameter are other values.
    pub(super) fn written(&mut self, param: ParamId) {
        *self.versions.entry(param).or_default() += 1;
    }

    /// The value of a tree as it is now; `locals` holds the values of the locals.
    pub(super) fn expr(&mut self, kernel: &Kernel, locals: &[Option<NodeId>], expr: &Expr) -> NodeId {
        let mut value = |x: &Expr| self.expr(kernel, locals, x);
        let node = match expr {
            Expr::Local(id) => return locals[id.0 as usize].expect("a local is computed before it is used"),
            Expr::Const(c) => Node::Const(*c),
            Expr::Element => Node::Element,
            Expr::Load(place) => Node::Load(*place, self.versions(*place)),
            Expr::Unary(op, x) => Node::Unary(*op, value(x)),
            Expr::Binary(op, x, y) => Node::Binary(*op, [value(x), value(y)]),
            Expr::Select(c, x, y) => Node::Select([value(c), value(x), value(y)]),
            Expr::Cast(ty, x) => Node::Cast(*ty, value(x)),
            Expr::Call(name, arguments) => Node::Call(name, arguments.iter().map(value).collect()),
            Expr::Table(name, x) => Node::Table(name, value(x)),
            Expr::Gather(param, x) => Node::Gather(*param, value(x)),
        };
        self.add(&kernel.params, node)
    }

    fn versions(&self, place: Place) -> [u32; 2] {
        let version = |param| self.versions.get(&param).copied().unwrap_or(0);
        let holder = if let Index::Via(holder) = place.index { version(holder) } else { 0 };
        [version(place.param), holder]
    }

    fn add(&mut self, params: &[Param], node: Node) -> NodeId {
        let node = match self.fold(&node) {
            Some(c) => Node::Const(c),
            None => match self.same_bits(params, &node) {
                Some(id) => return id,
                None => node,
            },
        };
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        let ty = self.type_of(params, &node);
        let varies = match &node {
            Node::Load(place, _) => place.index != Index::Zero,
            Node::Element => true,
            _ => node.operands().iter().any(|x| self.varies(*x)),
        };
        let id = NodeId(self.facts.len() as u32);
        self.facts.push(Facts { node: node.clone(), ty, varies, name: None });
        self.known.insert(node, id);
        id
    }

    fn type_of(&self, params: &[Param], node: &Node) -> Type {
        match node {
            Node::Const(c) => c.ty(),
            Node::Load(Place { param, .. }, _) | Node::Gather(param, _) => params[param.0 as usize].storage.ty(),
            Node::Element => Type::I32,
            Node::Call(..) | Node::Table(..) => Type::F64,
            Node::Unary(op, x) => op.result().unwrap_or_else(|| self.ty(*x)),
            Node::Binary(op, [x, _]) => op.result().unwrap_or_else(|| self.ty(*x)),
            Node::Select([_, x, _]) => self.ty(*x),
            Node::Cast(ty, _) => *ty,
        }
    }

    fn as_const(&self, id: NodeId) -> Option<Const> {
        if let Node::Const(c) = self.node(id) { Some(*c) } else { None }
    }

    /// The value of an operation on constants.
    fn fold(&self, node: &Node) -> Option<Const> {
        match node {
            Node::Unary(op, x) => meaning::unary(*op, self.as_const(*x)?),
            Node::Binary(op, [x, y]) => meaning::binary(*op, self.as_const(*x)?, self.as_const(*y)?),
            Node::Cast(ty, x) => Some(meaning::cast(*ty, self.as_const(*x)?)),
            Node::Call(name, arguments) => {
                let values: Option<Vec<f64>> = arguments.iter().map(|x| self.as_f64(*x)).collect();
                maths::eval(name, &values?).map(Const::f64)
            }
            Node::Const(_) | Node::Load(..) | Node::Element | Node::Select(_) => None,
            Node::Table(..) | Node::Gather(..) => None,
        }
    }

    fn as_f64(&self, id: NodeId) -> Option<f64> {
        if let Some(Const::F64(bits)) = self.as_const(id) { Some(f64::from_bits(bits)) } else { None }
    }

    /// A value that has the same bits as the operation, for all inputs. It is an operand or a constant, so that it is
    /// at hand wherever the operation is.
    fn same_bits(&mut self, params: &[Param], node: &Node) -> Option<NodeId> {
        match node {
            Node::Select([_, x, y]) if x == y => Some(*x),
            Node::Select([condition, x, y]) => match self.as_const(*condition)? {
                Const::Bool(true) => Some(*x),
                _ => Some(*y),
            },
            Node::Binary(op, [x, y]) => match self.ty(*x) {
                Type::Bool => self.same_bool(*op, *x, *y),
                Type::F64 => self.same_float(params, *op, *x, *y),
                Type::I32 | Type::I64 => self.same_integer(*op, *x, *y),
            },
            _ => None,
        }
    }

    fn same_bool(&self, op: BinaryOp, x: NodeId, y: NodeId) -> Option<NodeId> {
        if matches!(op, BinaryOp::And | BinaryOp::Or) && x == y {
            return Some(x);
        }
        let (c, constant, other) = match (self.as_const(x), self.as_const(y)) {
            (Some(c), _) => (c, x, y),
            (_, Some(c)) => (c, y, x),
            _ => return None,
        };
        match (op, c) {
            (BinaryOp::And | BinaryOp::Eq, Const::Bool(true)) => Some(other),
            (BinaryOp::Or | BinaryOp::Ne, Const::Bool(false)) => Some(other),
            (BinaryOp::And, Const::Bool(false)) | (BinaryOp::Or, Const::Bool(true)) => Some(constant),
            _ => None,
        }
    }

    fn same_float(&mut self, params: &[Param], op: BinaryOp, x: NodeId, y: NodeId) -> Option<NodeId> {
        let bits = |id| self.as_f64(id).map(f64::to_bits);
        let (one, zero, minus_zero) = (Some(1f64.to_bits()), Some(0f64.to_bits()), Some((-0f64).to_bits()));
        match op {
            BinaryOp::Mul if bits(y) == one => Some(x),
            BinaryOp::Mul if bits(x) == one => Some(y),
            BinaryOp::Div if bits(y) == one => Some(x),
            // Only these: -0.0 + 0.0 is 0.0, and so is 0.0 - -0.0.
            BinaryOp::Add if bits(y) == minus_zero => Some(x),
            BinaryOp::Add if bits(x) == minus_zero => Some(y),
            BinaryOp::Sub if bits(y) == zero => Some(x),
            // A power of two has an exact reciprocal, and both results are the one rounding of one number.
            BinaryOp::Div => {
                let divisor = self.as_f64(y)?;
                let reciprocal = 1.0 / divisor;
                let power_of_two = divisor.to_bits() & 0x000f_ffff_ffff_ffff == 0;
                (power_of_two && divisor.is_normal() && reciprocal.is_normal()).then(|| {
                    let reciprocal = self.add(params, Node::Const(Const::f64(reciprocal)));
                    self.add(params, Node::Binary(BinaryOp::Mul, [x, reciprocal]))
                })
            }
            _ => None,
        }
    }

    fn same_integer(&self, op: BinaryOp, x: NodeId, y: NodeId) -> Option<NodeId> {
        let number = |id| match self.as_const(id)? {
            Const::I32(x) => Some(i64::from(x)),
            Const::I64(x) => Some(x),
            Const::Bool(_) | Const::F64(_) => None,
        };
        match (op, number(x), number(y)) {
            (BinaryOp::Add | BinaryOp::Or | BinaryOp::Xor, Some(0), _) => Some(y),
            (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Or | BinaryOp::Xor, _, Some(0)) => Some(x),
            (BinaryOp::Shl | BinaryOp::Shr, _, Some(0)) => Some(x),
            (BinaryOp::Mul, Some(1), _) => Some(y),
            (BinaryOp::Mul | BinaryOp::FloorDiv, _, Some(1)) => Some(x),
            (BinaryOp::Mul | BinaryOp::And, Some(0), _) => Some(x),
            (BinaryOp::Mul | BinaryOp::And, _, Some(0)) => Some(y),
            _ => None,
        }
    }
}
