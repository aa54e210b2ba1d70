//! Chosen series, and the words that they are read from.

use crate::schema::{
    family::{Family, Samples, SeriesSlot},
    layout::{DynamicIndex, Layout, SPARSE_WORDS, STATE_WORDS},
    types::WordType,
};

/// Words of a slab, and how they are read.
#[derive(Default)]
pub(super) struct ChosenWords {
    pub(super) words: Vec<u16>,
    /// `None`: a state or its stamp, which aren't summed.
    pub(super) types: Vec<Option<WordType>>,
    /// Where in a row states are. Behind each is its stamp.
    pub(super) states: Vec<usize>,
    /// Settable gauges, behind the words.
    pub(super) settable: Vec<u16>,
}

/// The series of chosen families of one scope.
#[derive(Default)]
pub(super) struct ChosenSeries {
    pub(super) words: ChosenWords,
    pub(super) infos: Vec<usize>,
    pub(super) dynamic: Vec<DynamicIndex>,
    /// What recorders count about themselves.
    pub(super) counted: bool,
}

/// A chosen series.
#[derive(Clone, Copy)]
pub enum Leaf {
    Scalar { schema: u32, word: u16, word_type: WordType },
    State { schema: u32, word: u16 },
    Settable { schema: u32, index: u16 },
    Histogram { schema: u32, index: u16, sum: WordType },
}

impl Leaf {
    pub(super) fn schema(self) -> u32 {
        match self {
            Self::Scalar { schema, .. }
            | Self::State { schema, .. }
            | Self::Settable { schema, .. }
            | Self::Histogram { schema, .. } => schema,
        }
    }

    /// Appends its words.
    pub(super) fn choose(self, layout: &Layout, chosen: &mut ChosenWords) {
        match self {
            Self::Scalar { word, word_type, .. } => {
                chosen.words.push(word);
                chosen.types.push(Some(word_type));
            }
            Self::Settable { index, .. } => chosen.settable.push(index),
            Self::State { word, .. } => {
                chosen.states.push(chosen.words.len());
                chosen.words.extend([word, word + 1]);
                chosen.types.extend([None; STATE_WORDS]);
            }
            Self::Histogram { index, sum, .. } => {
                let histogram = &layout.histograms[usize::from(index)];
                chosen.words.extend(histogram.first..=histogram.sum);
                let types = (histogram.first..histogram.sum).map(|_| WordType::U64).chain([sum]);
                chosen.types.extend(types.map(Some));
            }
        }
    }
}

impl ChosenSeries {
    pub(super) fn clear(&mut self) {
        let Self { words: ChosenWords { words, types, states, settable }, infos, dynamic, counted } = self;
        [words, settable].into_iter().for_each(Vec::clear);
        [states, infos].into_iter().for_each(Vec::clear);
        dynamic.clear();
        types.clear();
        *counted = false;
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { words: ChosenWords { words, settable, .. }, infos, dynamic, counted } = self;
        !counted && words.is_empty() && settable.is_empty() && infos.is_empty() && dynamic.is_empty()
    }

    pub(super) fn add(&mut self, family: &Family, layout: &Layout) {
        match &family.samples {
            Samples::Series(slots) => slots.iter().for_each(|slot| self.add_series(*slot, family, layout)),
            Samples::Dynamic(index) => self.dynamic.push(*index),
            Samples::Info(info) => self.infos.push(info.0 as usize),
        }
    }

    fn add_series(&mut self, slot: SeriesSlot, family: &Family, layout: &Layout) {
        // Views compare this number with that of their schema. Here it is the layout's own.
        let schema = layout.schema;
        let sum = family.word_type;
        let sparse = mutant!(family.sparse, "subset: what is sparse is never recorded" => false);
        let words = if sparse { SPARSE_WORDS as u16 } else { 1 };
        let mut choose = |leaf: Leaf| leaf.choose(layout, &mut self.words);
        match slot {
            SeriesSlot::Scalar(word) if layout.states.binary_search(&word).is_ok() => {
                choose(Leaf::State { schema, word });
            }
            SeriesSlot::Scalar(word) => (0..words).for_each(|nth| {
                // The second one says whether something was recorded.
                let word_type = if nth == 0 { family.word_type } else { WordType::U64 };
                choose(Leaf::Scalar { schema, word: word + nth, word_type });
            }),
            SeriesSlot::Settable(index) => {
                (0..words).for_each(|nth| choose(Leaf::Settable { schema, index: index + nth }));
            }
            // All values of a state set are of the same word.
            SeriesSlot::OneOf { word, index: 0 } => choose(Leaf::State { schema, word }),
            SeriesSlot::OneOf { .. } => {}
            SeriesSlot::Histogram(index) => choose(Leaf::Histogram { schema, index: index.0, sum }),
            SeriesSlot::Diagnostic(_) | SeriesSlot::Liveness(_) => self.counted = true,
        }
    }
}
