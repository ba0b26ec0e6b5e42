use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::kernel::ir::{Const, Expr, Function, Index, Kernel, Local, LocalId, LoopShape, Param, ParamId, Place, Stmt};

fn constant() -> impl Strategy<Value = Const> {
    let special = prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, 5e-324, 1.0]);
    prop_oneof![
        any::<bool>().prop_map(Const::Bool),
        any::<i32>().prop_map(Const::I32),
        any::<i64>().prop_map(Const::I64),
        Just(Const::I64(i64::MIN)),
        any::<u64>().prop_map(Const::F64),
        special.prop_map(Const::f64),
    ]
}

fn place(params: u16) -> impl Strategy<Value = Place> {
    let index = prop_oneof![Just(Index::Element), Just(Index::Zero), (0..params).prop_map(|p| Index::Via(ParamId(p)))];
    ((0..params).prop_map(ParamId), index).prop_map(|(param, index)| Place { param, index })
}

/// Any tree over these numbers of locals and parameters; types do not matter to the text.
fn expr(locals: u32, params: u16) -> BoxedStrategy<Expr> {
    let mut leaves = vec![constant().prop_map(Expr::Const).boxed(), Just(Expr::Element).boxed()];
    if locals > 0 {
        leaves.push((0..locals).prop_map(|l| Expr::Local(LocalId(l))).boxed());
    }
    if params > 0 {
        leaves.push(place(params).prop_map(Expr::Load).boxed());
    }
    let unary = prop::sample::select(vec![
        UnaryOp::Neg,
        UnaryOp::Not,
        UnaryOp::Abs,
        UnaryOp::Sqrt,
        UnaryOp::Floor,
        UnaryOp::Trunc,
        UnaryOp::ToBits,
        UnaryOp::FromBits,
        UnaryOp::Round32,
    ]);
    let binary = prop::sample::select(OPERATORS.map(|(_, op, _)| op).to_vec());
    let cast = prop::sample::select(TYPES.map(|(_, ty)| ty).to_vec());
    prop::strategy::Union::new(leaves)
        .prop_recursive(5, 40, 3, move |inner| {
            prop_oneof![
                (unary.clone(), inner.clone()).prop_map(|(op, x)| Expr::unary(op, x)),
                (binary.clone(), inner.clone(), inner.clone()).prop_map(|(op, x, y)| Expr::binary(op, x, y)),
                (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, x, y)| Expr::select(c, x, y)),
                (cast.clone(), inner.clone()).prop_map(|(ty, x)| Expr::cast(ty, x)),
                inner.clone().prop_map(|x| Expr::Call("exp", vec![x])),
                (inner.clone(), inner.clone()).prop_map(|(x, y)| Expr::Call("pow", vec![x, y])),
                (0..params.max(1), inner).prop_map(move |(p, x)| match params {
                    0 => x,
                    _ => Expr::Gather(ParamId(p), Box::new(x)),
                }),
            ]
        })
        .boxed()
}

/// Distinct names, among them words of the language and names that are no words.
fn names(count: usize) -> impl Strategy<Value = Vec<String>> {
    let odd =
        prop::sample::select(vec!["e", "select", "when", "inf", "double", "v'", "a b", "kernel", "let", "0", "scalar"]);
    let name = prop_oneof![3 => "[a-z_][a-z0-9_]{0,5}", 1 => odd.prop_map(str::to_string)];
    prop::collection::btree_set(name, count)
        .prop_map(|s: BTreeSet<String>| s.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn statement(locals: u32, params: u16) -> impl Strategy<Value = Stmt> {
    let e = || expr(locals, params);
    prop_oneof![
        "[ -~\n\\\\]{0,12}".prop_map(Stmt::Comment),
        (place(params), e(), prop::option::of(e())).prop_map(|(place, value, when)| Stmt::Store { place, value, when }),
        (0u8..64, e()).prop_map(|(bit, e)| Stmt::Flag(bit, e)),
    ]
}

fn kernel() -> impl Strategy<Value = Kernel> {
    let storage = prop::sample::select(STORAGES.map(|(_, s)| s).to_vec());
    let ty = prop::sample::select(TYPES.map(|(_, t)| t).to_vec());
    let parameters = prop::collection::vec((storage, any::<bool>(), any::<bool>()), 4);
    // A local is used after its definition.
    let lets = (0..3).map(|k| (ty.clone(), expr(k, 4))).collect::<Vec<_>>();
    let orders = prop_oneof![Just(vec![0u32, 1, 2]), Just(vec![0, 1, 2]).prop_shuffle()];
    let statements = || prop::collection::vec(statement(3, 4), 0..4);
    (names(7), parameters, lets, orders, statements(), statements(), expr(3, 4), 0..4usize).prop_map(
        |(names, parameters, lets, order, mut scalar, mut vector, condition, shape)| {
            let params = parameters.into_iter().zip(&names).map(|((storage, scalar, written), name)| Param {
                name: name.clone(),
                storage,
                scalar,
                written,
            });
            let params = params.collect();
            let locals =
                lets.iter().zip(&names[4..]).map(|((ty, _), name)| Local { name: name.clone(), ty: *ty }).collect();
            let lets = order.into_iter().map(|id| Stmt::Let(LocalId(id), lets[id as usize].1.clone()));
            scalar.splice(0..0, lets);
            vector.reverse();
            let shape = match shape {
                0 => LoopShape::Each,
                1 => LoopShape::Indexed,
                2 => LoopShape::Select(condition),
                _ => LoopShape::Pairs(condition),
            };
            Kernel { shape, params, locals, scalar, vector }
        },
    )
}

proptest! {
    #[test]
    fn parse_of_print_is_the_kernel(kernel in kernel()) {
        let text = print_kernel(&kernel);
        let parsed = parse_kernel(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&parsed, &kernel, "{}", text);
        prop_assert_eq!(print_kernel(&parsed), text);
    }

    #[test]
    fn parse_of_print_is_the_function(values in prop::collection::vec(expr(2, 0), 1..4)) {
        let ids = (0..values.len() as u32 + 2).map(|k| Local { name: format!("x{k}"), ty: Type::F64 });
        let locals: Vec<Local> = ids.collect();
        let body: Vec<_> = values.iter().enumerate().map(|(k, v)| (LocalId(k as u32 + 2), v.clone())).collect();
        let function = Function { name: "pow", arity: 2, locals, body, result: values[0].clone() };
        let text: &'static str = print_function(&function).leak();
        let library = parse_library(text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&library.functions[0].function, &function);
    }
}

#[test]
fn libraries_are_written_out() {
    let sugar = parse_library(
        "# Comments are dropped.
        const HALF = 0x1p-1
        table T = [1.0, -0x1.8p1, inf]
        def sum(a, b) -> (s, t) {
          let s: f64 = a + b
          let d: f64 = s - HALF
          let t: f64 = d - b
        }
        fn f(x: f64) -> f64 within 0.5 {
          let (p, q) = sum(x, x * x)
          let (r, s) = sum(p, 1.0)
          return poly(q, 1.0, r, s) + table T[bits(x) >> 3]
        }",
    );
    let plain = parse_library(
        "table T = [1.0, -3.0, inf]
        fn f(x: f64) -> f64 within 0.5 {
          let p_b: f64 = x * x
          let p: f64 = x + p_b
          let p_d: f64 = p - 0.5
          let q: f64 = p_d - p_b
          let r: f64 = p + 1.0
          let r_d: f64 = r - 0.5
          let s: f64 = r_d - 1.0
          return (s * q + r) * q + 1.0 + table T[bits(x) >> 3]
        }",
    );
    assert!(sugar.is_ok(), "{sugar:?}");
    assert_eq!(sugar, plain);
}

#[test]
fn errors_name_the_place() {
    let cases = [
        ("kernel each { scalar { let x: f64 = y } vector { } }", "there is nothing called `y`", 37),
        ("kernel each { scalar { let x: f64 = frob(1.0) } vector { } }", "there is no function `frob`", 37),
        (
            "kernel each { scalar { let x: f65 = 1.0 } vector { } }",
            "expected a type: `bool`, `i32`, `i64` or `f64`",
            31,
        ),
        ("kernel each { scalar { store x[e] = 1.0 } vector { } }", "there is no parameter `x`", 30),
        ("kernel each { scalar { let x: bool = 1 < 2 < 3 } vector { } }", "comparisons do not chain", 44),
        ("kernel each { scalar { let x: i32 = 3000000000i32 } vector { } }", "this number does not fit its type", 37),
        (
            "kernel each { scalar { let x: f64 = 0x1.00000000000001p0 } vector { } }",
            "`0x1.00000000000001p0` is no number",
            37,
        ),
        ("kernel sideways { }", "expected a shape: `each`, `select`, `indexed` or `pairs`", 8),
        ("kernel each { scalar { $ } vector { } }", "`$` is no part of the kernel text", 24),
    ];
    for (text, message, column) in cases {
        let error = parse_kernel(text).expect_err(text);
        assert_eq!((error.message.as_str(), error.line_column()), (message, Some((1, column))), "{text}");
    }
}
