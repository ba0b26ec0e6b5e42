//! For which processors kernels are made: this one, or all that have a portable level.

use std::fmt;

use crate::build::{CpuFeatures, CpuLevel, Env, Machine};

/// What kernels may ask of a processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuPolicy {
    /// Everything that this one has.
    #[default]
    Native,
    /// What all processors of this level have: for stores that machines share.
    Level(CpuLevel),
}

/// The variable of the environment that names one.
const VARIABLE: &str = "SALTUS_CPU";

/// A text that names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no processor to compile for: expected `native`, `x86-64`, `x86-64-v2`, `x86-64-v3` or `x86-64-v4`")]
pub struct UnknownCpu(String);

impl std::str::FromStr for CpuPolicy {
    type Err = UnknownCpu;

    fn from_str(text: &str) -> Result<CpuPolicy, UnknownCpu> {
        match text {
            "native" => Ok(CpuPolicy::Native),
            text => CpuLevel::named(text).map(CpuPolicy::Level).ok_or_else(|| UnknownCpu(text.to_string())),
        }
    }
}

impl fmt::Display for CpuPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CpuPolicy::Native => "native",
            CpuPolicy::Level(level) => level.name(),
        })
    }
}

impl CpuPolicy {
    /// The one that the environment names, if it names one.
    ///
    /// # Errors
    /// If it names something else.
    pub fn of_env(env: &Env) -> Result<Option<CpuPolicy>, UnknownCpu> {
        env.get(VARIABLE).map(|text| text.to_string_lossy().parse()).transpose()
    }

    /// What kernels may use.
    pub fn features(self) -> CpuFeatures {
        match self {
            CpuPolicy::Native => Machine::this().features.clone(),
            CpuPolicy::Level(level) => CpuFeatures::of_level(level),
        }
    }

    /// Whether this processor can run what is made so. If not, kernels can be made for others, and nothing else.
    pub fn runs_here(self) -> bool {
        let machine = Machine::this();
        match self {
            CpuPolicy::Native => true,
            CpuPolicy::Level(_) => machine.architecture == "x86_64" && self.features().is_subset(&machine.features),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_names() {
        for name in ["native", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"] {
            assert_eq!(name.parse::<CpuPolicy>().unwrap().to_string(), name);
        }
        let of = |value| CpuPolicy::of_env(&Env::new([("SALTUS_CPU", value)]));
        assert_eq!(of("x86-64-v2"), Ok(Some(CpuPolicy::Level(CpuLevel::V2))));
        assert!(of("pentium").unwrap_err().to_string().starts_with("`pentium` is no processor"));
        assert_eq!(CpuPolicy::of_env(&Env::new([("HOME", "/")])), Ok(None));
    }

    #[test]
    fn a_policy_runs_where_its_features_are() {
        assert!(CpuPolicy::Native.runs_here());
        let here = Machine::this();
        for level in [CpuLevel::V1, CpuLevel::V2, CpuLevel::V3, CpuLevel::V4] {
            let expected = here.architecture == "x86_64" && here.features.level() >= level;
            assert_eq!(CpuPolicy::Level(level).runs_here(), expected, "{level:?}");
        }
    }
}
