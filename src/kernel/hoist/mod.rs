//! Moves what is the same for all elements from the vector part to the scalar part, computes equal values once, folds
//! constants and drops what nobody uses.
//!
//! Comes in: a well-formed kernel; goes out: one that is well-formed and leaves the same bits in the same arrays, flags
//! and lists. Nothing is reassociated, and a float operation goes only if it changes no bit of any input.

mod graph;

use std::collections::{BTreeMap, BTreeSet};

use self::graph::{Graph, Node, NodeId};
use super::ir::{Expr, Index, Kernel, Local, LocalId, LoopShape, Place, Stmt, UnaryOp};

/// Hoists a kernel that [`verify`](super::verify::verify) accepts.
///
/// New locals are called `_lio_1`, … where they hold loop-invariant work for the vector part, else `_cse_1`, ….
///
/// # Panics
/// If the kernel is ill-formed.
pub fn hoist(kernel: Kernel) -> Kernel {
    let mut graph = Graph::default();
    let mut locals = vec![None; kernel.locals.len()];
    let mut steps = |stmts: &[Stmt], graph: &mut Graph| -> Vec<Step> {
        stmts.iter().map(|stmt| step(&kernel, graph, &mut locals, stmt)).collect()
    };
    let scalar = steps(&kernel.scalar, &mut graph);
    let vector = steps(&kernel.vector, &mut graph);
    let condition = match &kernel.shape {
        LoopShape::Select(condition) | LoopShape::Pairs(condition) => Some(graph.expr(&kernel, &locals, condition)),
        LoopShape::Each | LoopShape::Indexed => None,
    };

    let mut emitter = Emitter::new(&kernel, &graph, scalar.iter().chain(&vector), condition);
    scalar.into_iter().for_each(|step| emitter.step(step));
    emitter.in_vector_part = true;
    vector.into_iter().for_each(|step| emitter.step(step));
    let condition = condition.map(|condition| emitter.operand(condition, true));
    let Emitter { locals, scalar, vector, .. } = emitter;
    let shape = match (kernel.shape, condition) {
        (LoopShape::Select(_), Some(condition)) => LoopShape::Select(condition),
        (LoopShape::Pairs(_), Some(condition)) => LoopShape::Pairs(condition),
        (shape, _) => shape,
    };
    in_order(Kernel { shape, params: kernel.params, locals, scalar: scalar.stmts, vector: vector.stmts })
}

/// The same with the locals in the order in which they are computed.
pub(super) fn in_order(mut kernel: Kernel) -> Kernel {
    let mut moved_to = vec![LocalId(0); kernel.locals.len()];
    let mut locals = Vec::with_capacity(kernel.locals.len());
    for stmt in kernel.scalar.iter_mut().chain(&mut kernel.vector) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(id, value) => {
                renumber(value, &moved_to);
                moved_to[id.0 as usize] = LocalId(locals.len() as u32);
                locals.push(kernel.locals[id.0 as usize].clone());
                *id = moved_to[id.0 as usize];
            }
            Stmt::Store { value, when, .. } => {
                renumber(value, &moved_to);
                when.iter_mut().for_each(|when| renumber(when, &moved_to));
            }
            Stmt::Flag(_, condition) => renumber(condition, &moved_to),
        }
    }
    if let LoopShape::Select(condition) | LoopShape::Pairs(condition) = &mut kernel.shape {
        renumber(condition, &moved_to);
    }
    Kernel { locals, ..kernel }
}

fn renumber(expr: &mut Expr, moved_to: &[LocalId]) {
    if let Expr::Local(id) = expr {
        *id = moved_to[id.0 as usize];
    }
    expr.children_mut().for_each(|x| renumber(x, moved_to));
}

/// A statement over values.
enum Step {
    Comment(String),
    Let(NodeId),
    Store { place: Place, value: NodeId, when: Option<NodeId> },
    Flag(u8, NodeId),
}

fn step(kernel: &Kernel, graph: &mut Graph, locals: &mut [Option<NodeId>], stmt: &Stmt) -> Step {
    match stmt {
        Stmt::Comment(text) => Step::Comment(text.clone()),
        Stmt::Let(id, value) => {
            let value = graph.expr(kernel, locals, value);
            graph.name(value, &kernel.locals[id.0 as usize].name);
            locals[id.0 as usize] = Some(value);
            Step::Let(value)
        }
        Stmt::Store { place, value, when } => {
            let value = graph.expr(kernel, locals, value);
            let when = when.as_ref().map(|when| graph.expr(kernel, locals, when));
            graph.written(place.param);
            Step::Store { place: *place, value, when }
        }
        Stmt::Flag(bit, condition) => Step::Flag(*bit, graph.expr(kernel, locals, condition)),
    }
}

/// The statements of a part, and the comments that the next one will stand under.
#[derive(Default)]
struct Part {
    stmts: Vec<Stmt>,
    comments: Vec<String>,
}

impl Part {
    fn push(&mut self, stmt: Stmt) {
        self.stmts.extend(self.comments.drain(..).map(Stmt::Comment));
        self.stmts.push(stmt);
    }
}

struct Emitter<'a> {
    kernel: &'a Kernel,
    graph: &'a Graph,
    /// How many operations and statements use each value; 0: it is dropped.
    uses: Vec<u32>,
    /// The local that holds a value, once it is computed.
    homes: Vec<Option<LocalId>>,
    locals: Vec<Local>,
    taken: BTreeSet<&'a str>,
    counters: BTreeMap<&'static str, u32>,
    scalar: Part,
    vector: Part,
    in_vector_part: bool,
    after_comment: bool,
}

impl<'a> Emitter<'a> {
    fn new<'s>(
        kernel: &'a Kernel,
        graph: &'a Graph,
        steps: impl Iterator<Item = &'s Step>,
        condition: Option<NodeId>,
    ) -> Emitter<'a> {
        let mut uses = vec![0; graph.len()];
        let roots = steps.flat_map(|step| match step {
            Step::Comment(_) | Step::Let(_) => [None, None],
            Step::Store { value, when, .. } => [Some(*value), *when],
            Step::Flag(_, condition) => [Some(*condition), None],
        });
        roots.flatten().chain(condition).for_each(|root| uses[Graph::position(root)] += 1);
        for id in graph.ids().rev() {
            if uses[Graph::position(id)] > 0 {
                graph.node(id).operands().iter().for_each(|x| uses[Graph::position(*x)] += 1);
            }
        }
        let names = kernel.params.iter().map(|p| &p.name).chain(kernel.locals.iter().map(|l| &l.name));
        Emitter {
            kernel,
            graph,
            homes: vec![None; graph.len()],
            uses,
            locals: Vec::new(),
            taken: names.map(String::as_str).collect(),
            counters: BTreeMap::new(),
            scalar: Part::default(),
            vector: Part::default(),
            in_vector_part: false,
            after_comment: false,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Comment(text) => return self.comment(text),
            Step::Let(value) => {
                let used = self.uses[Graph::position(value)] > 0;
                if used && self.homes[Graph::position(value)].is_none() && !self.at_hand(value) {
                    self.define(value);
                }
            }
            Step::Store { place, value, when } => {
                let value = self.operand(value, self.in_vector_part);
                let when = when.map(|when| self.operand(when, self.in_vector_part));
                self.part().push(Stmt::Store { place, value, when });
            }
            Step::Flag(bit, condition) => {
                let condition = self.operand(condition, self.in_vector_part);
                self.part().push(Stmt::Flag(bit, condition));
            }
        }
        self.after_comment = false;
    }

    fn part(&mut self) -> &mut Part {
        if self.in_vector_part { &mut self.vector } else { &mut self.scalar }
    }

    /// Holds a comment back until a statement under it is written: here, or in the scalar part if it moves there.
    fn comment(&mut self, text: String) {
        if !self.after_comment {
            self.scalar.comments.clear();
            self.vector.comments.clear();
        }
        self.scalar.comments.push(text.clone());
        if self.in_vector_part {
            self.vector.comments.push(text);
        }
        self.after_comment = true;
    }

    /// Whether the value needs no local: a constant, the element's number, or a scalar that nothing writes.
    fn at_hand(&self, id: NodeId) -> bool {
        match self.graph.node(id) {
            Node::Const(_) | Node::Element => true,
            Node::Load(place, _) => place.index == Index::Zero && !self.kernel.params[place.param.0 as usize].written,
            _ => false,
        }
    }

    /// Whether the value is so cheap that a name for it only hides what it is: `-x` or `not x` of a named value.
    fn is_sign_of_local(&self, id: NodeId) -> bool {
        match self.graph.node(id) {
            Node::Unary(UnaryOp::Neg | UnaryOp::Not, x) => {
                self.graph.node(*x).operands().is_empty() || self.homes[Graph::position(*x)].is_some()
            }
            _ => false,
        }
    }

    /// The value as an operand of something in the vector part or in the scalar part.
    fn operand(&mut self, id: NodeId, vector: bool) -> Expr {
        if let Some(home) = self.homes[Graph::position(id)] {
            return Expr::Local(home);
        }
        let leaf = self.graph.node(id).operands().is_empty();
        let invariant = vector && !self.graph.varies(id);
        let shared = !leaf && self.uses[Graph::position(id)] > 1 && !self.is_sign_of_local(id);
        if !self.at_hand(id) && (invariant || shared) {
            return Expr::Local(self.define(id));
        }
        self.expr(id, vector)
    }

    /// Computes the value into a local, in the scalar part if it does not vary.
    fn define(&mut self, id: NodeId) -> LocalId {
        let vector = self.graph.varies(id);
        let value = self.expr(id, vector);
        let given = self.graph.name_of(id);
        let name = match given {
            Some(name) => name.to_owned(),
            None if self.in_vector_part && !vector => self.new_name("_lio"),
            None => self.new_name("_cse"),
        };
        let local = LocalId(self.locals.len() as u32);
        self.locals.push(Local { name, ty: self.graph.ty(id) });
        self.homes[Graph::position(id)] = Some(local);
        let part = if vector { &mut self.vector } else { &mut self.scalar };
        if given.is_some() || vector == self.in_vector_part {
            part.push(Stmt::Let(local, value));
        } else {
            // Not a statement of the model: no comment is about it.
            part.stmts.push(Stmt::Let(local, value));
        }
        local
    }

    fn new_name(&mut self, stem: &'static str) -> String {
        let counter = self.counters.entry(stem).or_default();
        loop {
            *counter += 1;
            let name = format!("{stem}_{counter}");
            if !self.taken.contains(name.as_str()) {
                return name;
            }
        }
    }

    fn expr(&mut self, id: NodeId, vector: bool) -> Expr {
        let graph = self.graph;
        let mut operand = |x: &NodeId| self.operand(*x, vector);
        match graph.node(id) {
            Node::Const(c) => Expr::Const(*c),
            Node::Load(place, _) => Expr::Load(*place),
            Node::Element => Expr::Element,
            Node::Unary(op, x) => Expr::unary(*op, operand(x)),
            Node::Binary(op, [x, y]) => Expr::binary(*op, operand(x), operand(y)),
            Node::Select([condition, x, y]) => Expr::select(operand(condition), operand(x), operand(y)),
            Node::Cast(ty, x) => Expr::cast(*ty, operand(x)),
            Node::Call(name, arguments) => Expr::Call(name, arguments.iter().map(operand).collect()),
            Node::Table(name, index) => Expr::Table(name, Box::new(operand(index))),
            Node::Gather(param, index) => Expr::Gather(*param, Box::new(operand(index))),
        }
    }
}
