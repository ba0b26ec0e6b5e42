//! The kernels of a network, to be looked at: IR, source, parameters and identity. Nothing is compiled or run for it.

use std::sync::Arc;

use crate::build::{KernelId, OptLevel, Recipe, Toolchain};
use crate::engine::shape_name;
use crate::kernel::ir::{Kernel, Storage};
use crate::kernel::text::print_kernel;
use crate::network::Network;
use crate::render::{Language, Source, render};
use crate::runtime::abi::ABI_VERSION;

/// A kernel that runs at every step.
#[derive(Clone, Debug)]
pub struct KernelView {
    /// Name of its code object, such as `cells_stateupdater`.
    pub name: String,
    /// What it does, such as `stateupdate`.
    pub kind: &'static str,
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// Its source.
    pub source: Source,
    /// What it works on, in the order of the kernel's parameters.
    pub parameters: Vec<ParameterView>,
}

/// An array or a value that a kernel works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterView {
    /// Its name in the model.
    pub name: String,
    /// Type of its elements.
    pub storage: Storage,
    /// How many elements it has.
    pub elements: usize,
    /// Whether the kernel writes it.
    pub written: bool,
}

impl ParameterView {
    /// Bytes of all elements.
    pub fn bytes(&self) -> usize {
        self.elements * self.storage.size()
    }
}

impl KernelView {
    /// Shape of its loop, such as `each`.
    pub fn shape(&self) -> &'static str {
        shape_name(&self.kernel.shape)
    }

    /// The kernel as text.
    pub fn ir(&self) -> String {
        print_kernel(&self.kernel)
    }

    /// What it computes.
    pub fn id(&self) -> KernelId {
        KernelId::of(&self.source, ABI_VERSION)
    }

    /// How a compiler makes a library of it on this machine, if of nothing else.
    pub fn recipe(&self, toolchain: &Toolchain, level: OptLevel) -> Recipe {
        Recipe::new(&self.source, ABI_VERSION, toolchain, &toolchain.default_features(), level)
    }
}

/// The kernels that a network runs at every step, in their order.
///
/// ```
/// use saltus::{engine::Options, inspect::kernels, network::{Model, Network, NeuronGroup}, render::Language};
/// let model = Model::new().group(NeuronGroup::new("cells", 10, "dv/dt = -v/(10*ms) : 1").method("euler"));
/// let network = Network::new(&model, Options::interpreted())?;
/// let kernel = &kernels(&network, Language::C)[0];
/// assert_eq!((kernel.name.as_str(), kernel.shape()), ("cells_stateupdater", "each"));
/// assert!(kernel.parameters.iter().any(|p| p.name == "v" && p.bytes() == 80 && p.written));
/// # Ok::<(), saltus::network::Error>(())
/// ```
pub fn kernels(network: &Network, language: Language) -> Vec<KernelView> {
    let view = |(number, object): (usize, &crate::engine::CodeObject)| {
        let kernel = object.kernel();
        let parameters = kernel.params.iter().map(|param| ParameterView {
            name: param.name.clone(),
            storage: param.storage,
            elements: network.elements(number, param),
            written: param.written,
        });
        KernelView {
            name: object.name.clone(),
            kind: object.kind,
            kernel: kernel.clone(),
            source: render(kernel, language),
            parameters: parameters.collect(),
        }
    };
    network.code_by_population().into_iter().map(view).collect()
}

/// Whether a name fits a pattern in which `*` stands for any characters and `?` for one.
///
/// ```
/// use saltus::inspect::fits;
/// assert!(fits("*_state*er", "cells_stateupdater") && fits("cell?_*", "cells_") && !fits("cells", "cells_"));
/// ```
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // The last `*` and how much of the name it stands for so far end.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, end)) = star else { return false };
                star = Some((at, end + 1));
                (p, n) = (at + 1, end + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
