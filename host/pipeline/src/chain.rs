//! A pipeline's plugins in their order, as one unchangeable value that a page or batch works with from end to end.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::guest::Guest;
use crate::stats::StageStats;

/// One guest's place in a pipeline.
#[derive(Clone)]
pub struct Stage {
    /// The plugin.
    pub guest: Arc<dyn Guest>,
    /// Its place among all the pipeline's plugins, those that have nothing to do with the pipeline's signal included.
    pub(crate) rank: usize,
    pub(crate) stats: StageStats,
}

/// A pipeline's stages; a change makes a new chain with a new generation.
pub struct Chain {
    /// Differs between any two chains of one pipeline.
    pub generation: u64,
    /// The plugins in order.
    pub stages: Vec<Stage>,
    /// The names of all the pipeline's plugins, those that have nothing to do with its signal included.
    pub(crate) order: Arc<[String]>,
}

impl Chain {
    /// How many stages there are up to this plugin's place: what it emits begins behind them. None where it is not among the
    /// pipeline's.
    pub(crate) fn stages_until(&self, plugin: Option<&str>) -> usize {
        let Some(rank) = plugin.and_then(|plugin| self.order.iter().position(|name| name == plugin)) else { return 0 };
        self.stages.partition_point(|stage| stage.rank <= rank)
    }

    /// The chain without the stages up to this plugin's place.
    pub(crate) fn behind(self: Arc<Self>, plugin: Option<&str>) -> Arc<Self> {
        match self.stages_until(plugin) {
            0 => self,
            n => {
                let stages = self.stages.iter().skip(n).cloned().collect();
                Arc::new(Self { generation: self.generation, stages, order: self.order.clone() })
            }
        }
    }

    /// What verdicts are kept under: differs between any two chains of one pipeline, and changes when a guest takes back what it has
    /// said. Read before guests are asked.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { generation: self.generation, forgotten: self.stages.iter().map(|s| s.guest.forgotten()).sum() }
    }

    /// The first stage that looks at samples; the number of stages where none does.
    pub(crate) fn samples_from(&self) -> usize {
        self.stages.iter().position(|s| s.guest.wants().samples.is_some()).unwrap_or(self.stages.len())
    }

    /// The stages before this one decide by labels that no sample plugin has touched, so that what they say is kept with a
    /// series. A plugin's own `series` comes before its `samples`.
    pub(crate) fn series_until(&self) -> usize {
        (self.samples_from() + 1).min(self.stages.len())
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.stages.iter().map(|s| s.guest.name()).collect();
        f.debug_struct("Chain").field("generation", &self.generation).field("stages", &names).finish_non_exhaustive()
    }
}

/// See [`Chain::stamp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    generation: u64,
    /// Of all its guests together: it only grows.
    forgotten: u64,
}

impl Stamp {
    /// Both in one number that differs, but by a chance of 2⁻⁶⁴, where one of them does.
    pub(crate) fn mixed(self) -> u64 {
        self.generation.wrapping_add(self.forgotten.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// What a chain is made of: the stages, and the names of all the pipeline's plugins.
pub(crate) type Stages = (Vec<Stage>, Arc<[String]>);

/// The chain that is in force; it is replaced whole, and whoever works with the old one finishes with it.
#[derive(Debug)]
pub struct ChainSlot(RwLock<Arc<Chain>>);

impl ChainSlot {
    pub(crate) fn new((stages, order): Stages) -> Self {
        Self(RwLock::new(Arc::new(Chain { generation: 1, stages, order })))
    }

    /// The chain in force now.
    pub fn load(&self) -> Arc<Chain> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other stages into force, unless they are the very same guests. Says whether anything changed.
    pub(crate) fn replace(&self, (stages, order): Stages) -> bool {
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let same = slot.order == order
            && slot.stages.len() == stages.len()
            && slot.stages.iter().zip(&stages).all(|(a, b)| Arc::ptr_eq(&a.guest, &b.guest));
        if !same {
            *slot = Arc::new(Chain { generation: slot.generation + 1, stages, order });
        }
        !same
    }
}
