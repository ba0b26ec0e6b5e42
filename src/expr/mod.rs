//! The expression language of models: text to tree, tree to text, checks and algebra on trees.

pub mod ast;
pub mod check;
pub mod functions;
pub mod identity;
pub mod lexer;
pub mod parser;
pub mod polynomial;
pub mod print;
pub mod simplify;
