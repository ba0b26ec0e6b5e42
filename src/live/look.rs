//! Looking at a network while it runs: whoever has a [`Remote`] asks for the value of an expression, and gets it as it is
//! between two steps. What runs does not change by that, and what is being changed goes on being made.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::{LiveNetwork, Refused, Remote};
use crate::network::Evaluated;

/// What somebody wants to know.
pub(super) struct Question {
    expression: String,
    scope: Option<String>,
    /// Whether the expression is C.
    is_native: bool,
    answer: Sender<Result<Evaluated, Refused>>,
}

/// Values that are on their way.
pub struct Looked(Receiver<Result<Evaluated, Refused>>);

impl Looked {
    /// Waits for them. The network has to run, or to [`attend`](LiveNetwork::attend), on another thread or before.
    ///
    /// # Errors
    /// [`Refused`], if the expression is wrong or the network is gone.
    pub fn wait(self) -> Result<Evaluated, Refused> {
        self.0.recv().unwrap_or(Err(Refused::Ended))
    }

    /// The values, if they are there.
    pub fn poll(&self) -> Option<Result<Evaluated, Refused>> {
        self.0.try_recv().ok()
    }
}

impl Remote {
    /// Asks for the value of an expression after the current step: as of [`Network::look`](crate::network::Network::look).
    ///
    /// ```
    /// use saltus::{engine::Options, live::LiveNetwork, network::{Model, NeuronGroup}};
    /// let cells = NeuronGroup::new("cells", 2, "dv/dt = 1/ms : 1");
    /// let mut live = LiveNetwork::new(Model::new().group(cells), Options::interpreted())?;
    /// live.run_for("1*ms")?;
    /// let seen = live.remote().eval("v + i", Some("cells"));
    /// live.run_for("1*ms")?;
    /// let seen = seen.wait().unwrap();
    /// assert_eq!((seen.t_seconds, seen.shown_values(2)), (1e-3, vec!["1.0".to_string(), "2.0".to_string()]));
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    pub fn eval(&self, expression: &str, scope: Option<&str>) -> Looked {
        self.question(expression, scope, false)
    }

    /// The same for an expression in C: as of [`Network::look_native`](crate::network::Network::look_native). The network
    /// waits until it is compiled.
    pub fn eval_native(&self, expression: &str, scope: Option<&str>) -> Looked {
        self.question(expression, scope, true)
    }

    fn question(&self, expression: &str, scope: Option<&str>, is_native: bool) -> Looked {
        let (answer, looked) = channel();
        let (expression, scope) = (expression.to_string(), scope.map(str::to_string));
        let mut inbox = self.inbox();
        if !inbox.is_closed {
            inbox.questions.push_back(Question { expression, scope, is_native, answer });
            self.wake.store(true, Ordering::Release);
        }
        drop(inbox);
        Looked(looked)
    }
}

impl LiveNetwork {
    /// Answers what was asked, by the network that runs.
    pub(super) fn answer_questions(&mut self) {
        let questions = std::mem::take(&mut self.remote.0.inbox().questions);
        for Question { expression, scope, is_native, answer } in questions {
            let network = &mut self.network;
            let seen = match is_native {
                true => network.look_native(&expression, scope.as_deref()),
                false => network.look(&expression, scope.as_deref()),
            };
            // Whoever asked may have gone.
            drop(answer.send(seen.map_err(Refused::from)));
        }
    }
}
