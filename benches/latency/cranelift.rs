//! Cranelift, in this process: the IR of a kernel to CLIF, one function for one.
//!
//! Every operation of the IR has one of CLIF with the same bits, or a few; functions of the maths library are functions here
//! too, which Cranelift does not inline, and nothing becomes a vector. The bench compares bits with the interpreter's.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use cranelift::codegen::ir::FuncRef;
use cranelift::jit::{JITBuilder, JITModule};
use cranelift::module::{DataDescription, DataId, FuncId, Linkage, Module, default_libcall_names};
use cranelift::prelude::*;
use saltus::kernel::ir::{
    self, BinaryOp, Const, Expr, Function, Index, Kernel, LoopShape, Place, Stmt, Storage, UnaryOp, type_of,
};
use saltus::kernel::maths;
use saltus::kernel::text::{Library, parse_library};
use saltus::runtime::abi::{Call, Execute, KernelFn};

/// Offsets in a call; a test of the package compares them with the C form.
const BEGIN: i32 = 0;
const END: i32 = 8;
const INDICES: i32 = 16;
const SELECTED: i32 = 24;
const SELECTED_COUNT: i32 = 32;
const FLAGS: i32 = 40;

/// The maths library; every peer has its own from before it is measured.
static MATHS: LazyLock<Library> = LazyLock::new(|| parse_library(maths::LIBRARY).expect("the library is well-formed"));

/// A kernel in memory.
pub struct Jitted {
    entry: KernelFn,
    /// Behind a lock, since code is shared between threads and this is not; nobody else takes it.
    module: Mutex<Option<JITModule>>,
}

impl Execute for Jitted {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        // SAFETY: the code was made of a kernel of this ABI, and the caller keeps the promises of its arrays.
        unsafe { (self.entry)(arrays, call) }
    }
}

impl Drop for Jitted {
    fn drop(&mut self) {
        if let Ok(module) = self.module.get_mut()
            && let Some(module) = module.take()
        {
            // SAFETY: `entry` is private, and gone with this.
            unsafe { module.free_memory() };
        }
    }
}

/// Compiles a kernel; with the seconds of each part.
pub fn compile(kernel: &Kernel) -> (Jitted, [(&'static str, f64); 3]) {
    LazyLock::force(&MATHS);
    let started = Instant::now();
    let mut flags = settings::builder();
    for (name, value) in [("use_colocated_libcalls", "false"), ("is_pic", "false"), ("opt_level", "speed")] {
        flags.set(name, value).expect("a setting of Cranelift");
    }
    // Checks its own work by default.
    flags.set("enable_verifier", "false").expect("a setting of Cranelift");
    let isa = cranelift::native::builder().expect("a machine that Cranelift knows");
    let isa = isa.finish(settings::Flags::new(flags)).expect("settings that fit");
    let mut module = JITModule::new(JITBuilder::with_isa(isa, default_libcall_names()));
    let setting_up = started.elapsed().as_secs_f64();

    let mut jit = Jit { module: &mut module, functions: BTreeMap::new(), tables: BTreeMap::new(), seconds: 0.0 };
    let started = Instant::now();
    for name in functions_of(kernel) {
        jit.function(name);
    }
    let entry = jit.kernel(kernel);
    let compiling = jit.seconds;
    let translating = setting_up + started.elapsed().as_secs_f64() - compiling;
    let started = Instant::now();
    module.finalize_definitions().expect("room for code");
    let code = module.get_finalized_function(entry);
    // SAFETY: the function has the signature that `Jit::kernel` declares.
    let entry = unsafe { std::mem::transmute::<*const u8, KernelFn>(code) };
    let finishing = started.elapsed().as_secs_f64();
    (
        Jitted { entry, module: Mutex::new(Some(module)) },
        [("translate", translating), ("compile", compiling), ("finish", finishing)],
    )
}

/// The functions of the library that a kernel needs, each after those that it calls.
fn functions_of(kernel: &Kernel) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut look = |expr: &Expr| expr.walk(&mut |e| add_call(e, &mut found));
    for stmt in kernel.scalar.iter().chain(&kernel.vector) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(_, value) | Stmt::Flag(_, value) => look(value),
            Stmt::Store { value, when, .. } => {
                look(value);
                when.iter().for_each(&mut look);
            }
        }
    }
    if let LoopShape::Select(condition) = &kernel.shape {
        look(condition);
    }
    found
}

fn add_call(expr: &Expr, found: &mut Vec<&'static str>) {
    let Expr::Call(name, _) = expr else { return };
    if found.contains(name) {
        return;
    }
    let function = function_named(name);
    for (_, value) in &function.body {
        value.walk(&mut |e| add_call(e, found));
    }
    function.result.walk(&mut |e| add_call(e, found));
    found.push(name);
}

fn function_named(name: &str) -> &'static Function {
    let found = MATHS.functions.iter().find(|definition| definition.function.name == name);
    &found.expect("a function of the library").function
}

struct Jit<'m> {
    module: &'m mut JITModule,
    functions: BTreeMap<&'static str, FuncId>,
    tables: BTreeMap<&'static str, DataId>,
    /// What making machine code took.
    seconds: f64,
}

impl Jit<'_> {
    fn function(&mut self, name: &'static str) {
        let function = function_named(name);
        let mut signature = self.module.make_signature();
        signature.params.extend(vec![AbiParam::new(types::F64); function.arity]);
        signature.returns.push(AbiParam::new(types::F64));
        let id = self.module.declare_function(name, Linkage::Local, &signature).expect("a new name");
        self.define(
            id,
            signature,
            |body| {
                let parameters = body.builder.block_params(body.entry).to_vec();
                for (k, value) in parameters.into_iter().enumerate() {
                    body.values[k] = Some(value);
                }
                for (local, value) in &function.body {
                    body.values[local.0 as usize] = Some(body.expr(value));
                }
                let result = body.expr(&function.result);
                body.builder.ins().return_(&[result]);
            },
            &[],
            &function.locals,
        );
        self.functions.insert(name, id);
    }

    fn kernel(&mut self, kernel: &Kernel) -> FuncId {
        let pointer = self.module.target_config().pointer_type();
        let mut signature = self.module.make_signature();
        signature.params.extend([AbiParam::new(pointer); 2]);
        let id = self.module.declare_function("saltus_kernel", Linkage::Export, &signature).expect("a new name");
        self.define(id, signature, |body| body.kernel(kernel), &kernel.params, &kernel.locals);
        id
    }

    fn define(
        &mut self,
        id: FuncId,
        signature: Signature,
        fill: impl FnOnce(&mut Body<'_, '_>),
        params: &[ir::Param],
        locals: &[ir::Local],
    ) {
        let mut context = self.module.make_context();
        context.func.signature = signature;
        let mut variables = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut variables);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let calls =
            self.functions.iter().map(|(name, id)| (*name, self.module.declare_func_in_func(*id, builder.func)));
        let calls = calls.collect();
        let mut body = Body {
            jit: Tables { module: self.module, tables: &mut self.tables },
            builder,
            entry,
            calls,
            params,
            locals,
            values: vec![None; locals.len()],
            bases: Vec::new(),
            element: None,
            flags: None,
        };
        fill(&mut body);
        body.builder.seal_all_blocks();
        let config = body.jit.module.target_config();
        body.builder.finalize(config);
        let started = Instant::now();
        self.module.define_function(id, &mut context).expect("CLIF that Cranelift compiles");
        self.seconds += started.elapsed().as_secs_f64();
    }
}

struct Tables<'t> {
    module: &'t mut JITModule,
    tables: &'t mut BTreeMap<&'static str, DataId>,
}

impl Tables<'_> {
    /// The data of a table of the library.
    fn table(&mut self, name: &'static str) -> DataId {
        if let Some(id) = self.tables.get(name) {
            return *id;
        }
        let table = MATHS.tables.iter().find(|table| table.name == name).expect("a table of the library");
        let id = self.module.declare_data(name, Linkage::Local, false, false).expect("a new name");
        let mut data = DataDescription::new();
        data.define(table.values.iter().flat_map(|value| value.to_ne_bytes()).collect());
        data.set_align(8);
        self.module.define_data(id, &data).expect("a table");
        self.tables.insert(name, id);
        id
    }
}

/// A function while it is made.
struct Body<'a, 'f> {
    jit: Tables<'a>,
    builder: FunctionBuilder<'f>,
    entry: Block,
    calls: BTreeMap<&'static str, FuncRef>,
    params: &'a [ir::Param],
    locals: &'a [ir::Local],
    values: Vec<Option<Value>>,
    /// Where the arrays are.
    bases: Vec<Value>,
    /// The number of the element, as I32.
    element: Option<Value>,
    flags: Option<Variable>,
}

fn memory() -> MemFlagsData {
    MemFlagsData::trusted()
}

impl Body<'_, '_> {
    fn kernel(&mut self, kernel: &Kernel) {
        let &[arrays, call] = self.builder.block_params(self.entry) else { unreachable!("two parameters") };
        for k in 0..kernel.params.len() {
            let base = self.builder.ins().load(types::I64, memory(), arrays, 8 * k as i32);
            self.bases.push(base);
        }
        let load = |body: &mut Self, offset| body.builder.ins().load(types::I64, memory(), call, offset);
        let (begin, end) = (load(self, BEGIN), load(self, END));
        let (indices, selected) = (load(self, INDICES), load(self, SELECTED));
        let old_flags = load(self, FLAGS);
        let [flags, at, count] = [(); 3].map(|()| self.builder.declare_var(types::I64));
        let none = self.builder.ins().iconst(types::I64, 0);
        self.builder.def_var(flags, old_flags);
        self.builder.def_var(at, begin);
        self.builder.def_var(count, none);
        self.flags = Some(flags);
        kernel.scalar.iter().for_each(|stmt| self.statement(stmt));

        let [head, inside, after] = [(); 3].map(|()| self.builder.create_block());
        self.builder.ins().jump(head, &[]);
        self.builder.switch_to_block(head);
        let k = self.builder.use_var(at);
        let goes_on = self.builder.ins().icmp(IntCC::SignedLessThan, k, end);
        self.builder.ins().brif(goes_on, inside, &[], after, &[]);
        self.builder.switch_to_block(inside);
        self.element = Some(if kernel.shape == LoopShape::Indexed {
            let place = self.place(indices, k, 4);
            self.builder.ins().load(types::I32, memory(), place, 0)
        } else {
            self.builder.ins().ireduce(types::I32, k)
        });
        kernel.vector.iter().for_each(|stmt| self.statement(stmt));
        if let LoopShape::Select(condition) = &kernel.shape {
            self.select(condition, selected, count);
        }
        let next = self.builder.ins().iadd_imm_s(k, 1);
        self.builder.def_var(at, next);
        self.builder.ins().jump(head, &[]);
        self.builder.switch_to_block(after);
        let (flags, count) = (self.builder.use_var(flags), self.builder.use_var(count));
        self.builder.ins().store(memory(), flags, call, FLAGS);
        self.builder.ins().store(memory(), count, call, SELECTED_COUNT);
        self.builder.ins().return_(&[]);
    }

    /// Lists the element where a condition holds: it is written in any case, and counted if so.
    fn select(&mut self, condition: &Expr, selected: Value, count: Variable) {
        let holds = self.expr(condition);
        let counted = self.builder.use_var(count);
        let place = self.place(selected, counted, 4);
        let element = self.element.expect("a loop");
        self.builder.ins().store(memory(), element, place, 0);
        let one = self.builder.ins().uextend(types::I64, holds);
        let counted = self.builder.ins().iadd(counted, one);
        self.builder.def_var(count, counted);
    }

    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Comment(_) => {}
            Stmt::Let(local, value) => self.values[local.0 as usize] = Some(self.expr(value)),
            Stmt::Store { place, value, when } => {
                let mut value = self.expr(value);
                if let Some(when) = when {
                    let (holds, old) = (self.expr(when), self.load(*place));
                    value = self.builder.ins().select(holds, value, old);
                }
                let at = self.address(*place);
                if self.params[place.param.0 as usize].storage == Storage::F32 {
                    value = self.builder.ins().fdemote(types::F32, value);
                }
                self.builder.ins().store(memory(), value, at, 0);
            }
            Stmt::Flag(bit, condition) => {
                let holds = self.expr(condition);
                let flags = self.flags.expect("a kernel");
                let holds = self.builder.ins().uextend(types::I64, holds);
                let bit = self.builder.ins().ishl_imm_u(holds, i64::from(*bit));
                let old = self.builder.use_var(flags);
                let new = self.builder.ins().bor(old, bit);
                self.builder.def_var(flags, new);
            }
        }
    }

    fn place(&mut self, base: Value, index: Value, size: i64) -> Value {
        let offset = self.builder.ins().imul_imm_s(index, size);
        self.builder.ins().iadd(base, offset)
    }

    fn address(&mut self, place: Place) -> Value {
        let base = self.bases[place.param.0 as usize];
        let size = self.params[place.param.0 as usize].storage.size() as i64;
        let index = match place.index {
            Index::Zero => return base,
            Index::Element => self.element.expect("a loop"),
            Index::Via(holder) => {
                let at = self.address(Place { param: holder, index: Index::Element });
                self.builder.ins().load(types::I32, memory(), at, 0)
            }
        };
        let index = self.builder.ins().sextend(types::I64, index);
        self.place(base, index, size)
    }

    fn load(&mut self, place: Place) -> Value {
        let at = self.address(place);
        self.load_from(at, self.params[place.param.0 as usize].storage)
    }

    fn load_from(&mut self, at: Value, storage: Storage) -> Value {
        let ty = match storage {
            Storage::Bool => types::I8,
            Storage::I32 => types::I32,
            Storage::I64 => types::I64,
            Storage::F32 => types::F32,
            Storage::F64 => types::F64,
        };
        let value = self.builder.ins().load(ty, memory(), at, 0);
        if storage == Storage::F32 { self.builder.ins().fpromote(types::F64, value) } else { value }
    }

    fn type_of(&self, expr: &Expr) -> ir::Type {
        type_of(expr, self.locals, self.params)
    }

    fn expr(&mut self, expr: &Expr) -> Value {
        match expr {
            Expr::Const(Const::Bool(value)) => self.builder.ins().iconst(types::I8, i64::from(*value)),
            Expr::Const(Const::I32(value)) => self.builder.ins().iconst(types::I32, i64::from(*value)),
            Expr::Const(Const::I64(value)) => self.builder.ins().iconst(types::I64, *value),
            Expr::Const(Const::F64(bits)) => self.builder.ins().f64const(Ieee64::with_bits(*bits)),
            Expr::Local(local) => self.values[local.0 as usize].expect("a local that was computed before"),
            Expr::Load(place) => self.load(*place),
            Expr::Element => self.element.expect("a loop"),
            Expr::Unary(op, x) => self.unary(*op, x),
            Expr::Binary(op, x, y) => {
                let ty = self.type_of(x);
                let (x, y) = (self.expr(x), self.expr(y));
                self.binary(*op, ty, x, y)
            }
            Expr::Select(condition, yes, no) => {
                let [condition, yes, no] = [condition, yes, no].map(|e| self.expr(e));
                self.builder.ins().select(condition, yes, no)
            }
            Expr::Cast(to, x) => {
                let from = self.type_of(x);
                let x = self.expr(x);
                self.cast(from, *to, x)
            }
            Expr::Call(name, arguments) => {
                let arguments: Vec<Value> = arguments.iter().map(|argument| self.expr(argument)).collect();
                let call = self.builder.ins().call(self.calls[name], &arguments);
                self.builder.inst_results(call)[0]
            }
            Expr::Table(name, index) => {
                let index = self.expr(index);
                let id = self.jit.table(name);
                let table = self.jit.module.declare_data_in_func(id, self.builder.func);
                let base = self.builder.ins().symbol_value(types::I64, table);
                let at = self.place(base, index, 8);
                self.load_from(at, Storage::F64)
            }
            Expr::Gather(param, index) => {
                let index = self.expr(index);
                let storage = self.params[param.0 as usize].storage;
                let at = self.place(self.bases[param.0 as usize], index, storage.size() as i64);
                self.load_from(at, storage)
            }
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Value {
        let is_float = self.type_of(operand) == ir::Type::F64;
        let x = self.expr(operand);
        let ins = self.builder.ins();
        match op {
            UnaryOp::Neg if is_float => ins.fneg(x),
            UnaryOp::Neg => ins.ineg(x),
            UnaryOp::Not => ins.bxor_imm_u(x, 1),
            UnaryOp::Abs => ins.fabs(x),
            UnaryOp::Sqrt => ins.sqrt(x),
            UnaryOp::Floor => ins.floor(x),
            UnaryOp::Trunc => ins.trunc(x),
            UnaryOp::ToBits => ins.bitcast(types::I64, MemFlagsData::new(), x),
            UnaryOp::FromBits => ins.bitcast(types::F64, MemFlagsData::new(), x),
            UnaryOp::Round32 => {
                let single = ins.fdemote(types::F32, x);
                self.builder.ins().fpromote(types::F64, single)
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, ty: ir::Type, x: Value, y: Value) -> Value {
        let is_float = ty == ir::Type::F64;
        let ins = self.builder.ins();
        match op {
            BinaryOp::Add if is_float => ins.fadd(x, y),
            BinaryOp::Sub if is_float => ins.fsub(x, y),
            BinaryOp::Mul if is_float => ins.fmul(x, y),
            BinaryOp::Div => ins.fdiv(x, y),
            BinaryOp::Lt if is_float => ins.fcmp(FloatCC::LessThan, x, y),
            BinaryOp::Le if is_float => ins.fcmp(FloatCC::LessThanOrEqual, x, y),
            BinaryOp::Eq if is_float => ins.fcmp(FloatCC::Equal, x, y),
            BinaryOp::Ne if is_float => ins.fcmp(FloatCC::NotEqual, x, y),
            BinaryOp::Add => ins.iadd(x, y),
            BinaryOp::Sub => ins.isub(x, y),
            BinaryOp::Mul => ins.imul(x, y),
            BinaryOp::FloorDiv => self.divide(ty, x, y).0,
            BinaryOp::Mod => self.divide(ty, x, y).1,
            BinaryOp::And => ins.band(x, y),
            BinaryOp::Or => ins.bor(x, y),
            BinaryOp::Xor => ins.bxor(x, y),
            BinaryOp::Shl => ins.ishl(x, y),
            BinaryOp::Shr => ins.ushr(x, y),
            BinaryOp::Lt => ins.icmp(IntCC::SignedLessThan, x, y),
            BinaryOp::Le => ins.icmp(IntCC::SignedLessThanOrEqual, x, y),
            BinaryOp::Eq => ins.icmp(IntCC::Equal, x, y),
            BinaryOp::Ne => ins.icmp(IntCC::NotEqual, x, y),
        }
    }

    /// `x // y` and `x % y`: rounded down, and 0 for a divisor of 0. Division itself traps for 0, and for the least
    /// number by -1.
    fn divide(&mut self, ty: ir::Type, x: Value, y: Value) -> (Value, Value) {
        let clif = if ty == ir::Type::I32 { types::I32 } else { types::I64 };
        let zero = self.builder.ins().iconst(clif, 0);
        let one = self.builder.ins().iconst(clif, 1);
        let by_zero = self.builder.ins().icmp_imm_s(IntCC::Equal, y, 0);
        let by_minus = self.builder.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let special = self.builder.ins().bor(by_zero, by_minus);
        let divisor = self.builder.ins().select(special, one, y);
        let quotient = self.builder.ins().sdiv(x, divisor);
        let rest = self.builder.ins().srem(x, divisor);
        let exact = self.builder.ins().icmp_imm_s(IntCC::Equal, rest, 0);
        let signs = self.builder.ins().bxor(x, y);
        let differ = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, signs, 0);
        let rounds = self.builder.ins().band_not(differ, exact);
        let lower = self.builder.ins().iadd_imm_s(quotient, -1);
        let quotient = self.builder.ins().select(rounds, lower, quotient);
        let higher = self.builder.ins().iadd(rest, y);
        let rest = self.builder.ins().select(rounds, higher, rest);
        let negated = self.builder.ins().ineg(x);
        let quotient = self.builder.ins().select(by_minus, negated, quotient);
        let quotient = self.builder.ins().select(by_zero, zero, quotient);
        let rest = self.builder.ins().select(special, zero, rest);
        (quotient, rest)
    }

    fn cast(&mut self, from: ir::Type, to: ir::Type, x: Value) -> Value {
        use ir::Type::{Bool, F64, I32, I64};
        match (from, to) {
            (F64, Bool) => {
                let zero = self.builder.ins().f64const(0.0);
                self.builder.ins().fcmp(FloatCC::NotEqual, x, zero)
            }
            (I32 | I64, Bool) => self.builder.ins().icmp_imm_s(IntCC::NotEqual, x, 0),
            (Bool, I32) => self.builder.ins().uextend(types::I32, x),
            (Bool, I64) => self.builder.ins().uextend(types::I64, x),
            (Bool, F64) => {
                let whole = self.builder.ins().uextend(types::I32, x);
                self.builder.ins().fcvt_from_sint(types::F64, whole)
            }
            (I32, I64) => self.builder.ins().sextend(types::I64, x),
            (I64, I32) => self.builder.ins().ireduce(types::I32, x),
            (I32 | I64, F64) => self.builder.ins().fcvt_from_sint(types::F64, x),
            (F64, I32) => self.truncate(x, types::I32, (FloatCC::GreaterThan, -2_147_483_649.0), 2_147_483_648.0),
            (F64, I64) => {
                let limit = 9_223_372_036_854_775_808.0;
                self.truncate(x, types::I64, (FloatCC::GreaterThanOrEqual, -limit), limit)
            }
            (Bool, Bool) | (I32, I32) | (I64, I64) | (F64, F64) => x,
        }
    }

    /// The least number for what does not fit, and for a NaN.
    fn truncate(&mut self, x: Value, ty: Type, (condition, low): (FloatCC, f64), high: f64) -> Value {
        let (low, high) = (self.builder.ins().f64const(low), self.builder.ins().f64const(high));
        let above = self.builder.ins().fcmp(condition, x, low);
        let below = self.builder.ins().fcmp(FloatCC::LessThan, x, high);
        let fits = self.builder.ins().band(above, below);
        let least = if ty == types::I32 { i64::from(i32::MIN) } else { i64::MIN };
        let least = self.builder.ins().iconst(ty, least);
        let whole = self.builder.ins().fcvt_to_sint_sat(ty, x);
        self.builder.ins().select(fits, whole, least)
    }
}
