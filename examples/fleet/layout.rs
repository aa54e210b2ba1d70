//! The engines, and which of them a request goes to.
//!
//! Routing looks at a request's index in the trace and at nothing else, so the token totals of each
//! engine repeat exactly however the threads are scheduled.

/// What an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Prefill,
    Decode,
    Mixed,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Mixed => "mixed",
        }
    }

    /// Whether the engine generates a request's whole output, so that the request ends here.
    pub(crate) const fn ends_requests(self) -> bool {
        matches!(self, Self::Decode | Self::Mixed)
    }

    /// Whether the engine computes prompts (and so keeps a prefix cache).
    pub(crate) const fn computes_prompts(self) -> bool {
        matches!(self, Self::Prefill | Self::Mixed)
    }
}

/// The engines, numbered from 0: prefill engines first, then decode engines.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    Disaggregated { prefill: usize, decode: usize },
    Mixed { engines: usize },
}

impl Layout {
    pub(crate) const fn engines(self) -> usize {
        match self {
            Self::Disaggregated { prefill, decode } => prefill + decode,
            Self::Mixed { engines } => engines,
        }
    }

    pub(crate) const fn role(self, engine: usize) -> Role {
        match self {
            Self::Mixed { .. } => Role::Mixed,
            Self::Disaggregated { prefill, .. } if engine < prefill => Role::Prefill,
            Self::Disaggregated { .. } => Role::Decode,
        }
    }

    /// Whether request `request` passes through engine `engine`.
    pub(crate) const fn routes(self, request: usize, engine: usize) -> bool {
        match self {
            Self::Mixed { engines } => pick(request, engines) == engine,
            Self::Disaggregated { prefill, .. } if engine < prefill => pick(request, prefill) == engine,
            Self::Disaggregated { prefill, decode } => pick(request, decode) == engine - prefill,
        }
    }
}

/// Which of `engines` engines of one kind request `request` goes to.
pub(crate) const fn pick(request: usize, engines: usize) -> usize {
    request % engines
}
