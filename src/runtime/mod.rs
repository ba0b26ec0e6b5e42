//! What a running network is made of below the model: the kernel ABI, arrays, clocks, the schedule, given spikes, and the files in
//! which its records and its state are kept.

pub mod abi;
pub mod archive;
pub mod array;
pub mod clock;
pub mod column_file;
pub mod fpu;
pub mod memory;
pub mod new_file;
pub mod npy;
pub mod record;
pub mod schedule;
pub mod spike_queue;
pub mod spike_source;
pub mod state_file;
