//! What a running network is made of below the model: the kernel ABI, arrays, clocks, the schedule, given spikes.

pub mod abi;
pub mod array;
pub mod clock;
pub mod fpu;
pub mod memory;
pub mod record;
pub mod schedule;
pub mod spike_source;
