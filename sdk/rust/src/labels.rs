//! Label sets of a batch, read in place.

use crate::columns::{Eights, Strings, U32s, eights, span, u32_at, u32s};
use crate::edit::Interner;
use std::cell::RefCell;
use std::marker::PhantomData;

/// Which labels a plugin reads. The host sends only those, so the fewer the cheaper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Labels {
    /// None. Every label then reads as absent.
    #[default]
    Nothing,
    /// Every label of every set.
    Everything,
    /// Labels of these names; all others read as absent.
    Named(Vec<String>),
}

impl Labels {
    /// The labels of these names.
    pub fn named<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::Named(names.into_iter().map(Into::into).collect())
    }
}

/// A string looked up in a batch once, for use on many rows. Comparing symbols is comparing numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'b> {
    pub(crate) index: u32,
    /// An index means something within one batch only.
    batch: PhantomData<&'b ()>,
}

/// A label's name or value: a string, or the [`Symbol`] of one.
pub trait Text: sealed::Text + Copy {}

pub(crate) mod sealed {
    use crate::columns::{Eights, Strings, u32_at};
    use crate::edit::Interner;

    /// Without being named outside, so that the contract's indexes stay in here.
    pub trait Text {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn value_in<'a>(self, strings: Strings<'a>, set: Eights<'a>) -> Option<&'a str>;
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn index(self, added: &mut Interner) -> u32;
    }

    impl<T: AsRef<str> + ?Sized> Text for &T {
        #[allow(private_interfaces)]
        fn value_in<'a>(self, strings: Strings<'a>, set: Eights<'a>) -> Option<&'a str> {
            let name = self.as_ref();
            let mut pairs = set.iter().map(|pair| pair.as_chunks::<4>().0);
            let pair = pairs.find(|pair| strings.get(u32_at(pair, 0) as usize) == name)?;
            Some(strings.get(u32_at(pair, 1) as usize))
        }

        #[allow(private_interfaces)]
        fn index(self, added: &mut Interner) -> u32 {
            added.add(self.as_ref())
        }
    }

    impl Text for super::Symbol<'_> {
        #[allow(private_interfaces)]
        fn value_in<'a>(self, strings: Strings<'a>, set: Eights<'a>) -> Option<&'a str> {
            let pair = set.iter().map(|pair| pair.as_chunks::<4>().0).find(|pair| u32_at(pair, 0) == self.index)?;
            Some(strings.get(u32_at(pair, 1) as usize))
        }

        #[allow(private_interfaces)]
        fn index(self, _: &mut Interner) -> u32 {
            self.index
        }
    }
}

impl<T: AsRef<str> + ?Sized> Text for &T {}
impl Text for Symbol<'_> {}

/// Label sets over the strings of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sets<'a> {
    pub(crate) strings: Strings<'a>,
    pairs: Eights<'a>,
    ends: U32s<'a>,
    of_row: U32s<'a>,
}

impl<'a> Sets<'a> {
    pub(crate) fn new(strings: Strings<'a>, pairs: &'a [u8], ends: &'a [u8], of_row: &'a [u8]) -> Self {
        Self { strings, pairs: eights(pairs), ends: u32s(ends), of_row: u32s(of_row) }
    }

    fn index(&self, row: u32) -> usize {
        if self.of_row.is_empty() { row as usize } else { u32_at(self.of_row, row as usize) as usize }
    }

    /// The (name, value) pairs of a row's set.
    fn of(&self, row: u32) -> Eights<'a> {
        let (start, end) = span(self.ends, self.index(row));
        self.pairs.get(start..end).unwrap_or_default()
    }

    pub(crate) fn label(&self, row: u32, name: impl Text) -> Option<&'a str> {
        name.value_in(self.strings, self.of(row))
    }

    pub(crate) fn labels(&self, row: u32) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let strings = self.strings;
        self.of(row).iter().map(move |pair| {
            let pair = pair.as_chunks().0;
            (strings.get(u32_at(pair, 0) as usize), strings.get(u32_at(pair, 1) as usize))
        })
    }

    /// As [`Self::labels`], by the places of the strings.
    pub(crate) fn symbols(&self, row: u32) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        self.of(row).iter().map(|pair| {
            let pair = pair.as_chunks().0;
            (u32_at(pair, 0) as usize, u32_at(pair, 1) as usize)
        })
    }

    pub(crate) fn symbol<'b>(&self, s: &str, added: &RefCell<Interner>) -> Symbol<'b> {
        let index = self.strings.find(s).unwrap_or_else(|| added.borrow_mut().add(s));
        Symbol { index, batch: PhantomData }
    }

    /// For each of `rows` rows whether a label's value passes; an absent label passes as the empty value. Every value is
    /// looked at once, however many rows have it.
    pub(crate) fn having(&self, rows: u32, name: &str, mut passes: impl FnMut(&str) -> bool) -> Vec<bool> {
        let Some(name) = self.strings.find(name) else {
            return vec![passes(""); rows as usize];
        };
        let absent = passes("");
        let mut known: Vec<Option<bool>> = vec![None; self.strings.len()];
        let mut judge = |set: Eights<'a>| {
            let mut pairs = set.iter().map(|pair| pair.as_chunks::<4>().0);
            let Some(pair) = pairs.find(|pair| u32_at(pair, 0) == name) else { return absent };
            let value = u32_at(pair, 1) as usize;
            let Some(known) = known.get_mut(value) else { return absent };
            *known.get_or_insert_with(|| passes(self.strings.get(value)))
        };
        if self.of_row.is_empty() {
            return (0..rows).map(|row| judge(self.of(row))).collect();
        }
        let sets: Vec<bool> = (0..self.ends.len() as u32).map(|set| judge(self.set(set))).collect();
        (0..rows).map(|row| sets.get(self.index(row)).copied().unwrap_or(absent)).collect()
    }

    fn set(&self, set: u32) -> Eights<'a> {
        let (start, end) = span(self.ends, set as usize);
        self.pairs.get(start..end).unwrap_or_default()
    }
}
