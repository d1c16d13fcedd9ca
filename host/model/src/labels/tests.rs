use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn labels_come_back_sorted_and_unique() {
    let mut b = LabelsBuilder::default();
    b.set("pod", "a");
    b.set("__name__", "up");
    b.set("pod", "b");
    b.set("gone", "x");
    b.set("gone", "");
    let set = b.finish().to_owned();
    assert_eq!(set.as_labels().iter().collect::<Vec<_>>(), [("__name__", "up"), ("pod", "b")]);
    assert_eq!(set.as_labels().get("pod"), Some("b"));
    assert_eq!(set.as_labels().get("nothing"), None);
    assert_eq!(LabelSet::from_canonical(set.as_labels().as_bytes()), Ok(set.clone()));
    assert_eq!(set.to_string(), r#"{__name__="up", pod="b"}"#);
}

#[test]
fn bytes_that_break_a_rule_are_refused() {
    let set: LabelSet = [("a", "1"), ("b", "2")].iter().collect();
    let bytes = set.as_labels().as_bytes();
    let half = bytes.len() / 2;
    let swapped = [&bytes[half..], &bytes[..half]].concat();
    assert_eq!(LabelSet::from_canonical(&swapped), Err(NotCanonical { at: half }));
    assert!(LabelSet::from_canonical(&bytes[..bytes.len() - 1]).is_err());
    assert!(LabelSet::from_canonical(&[&bytes[..half], &bytes[..half]].concat()).is_err());
}

#[test]
fn the_stable_hash_never_changes() {
    let set: LabelSet = [("__name__", "up"), ("job", "node")].iter().collect();
    assert_eq!(
        set.as_labels().stable_hash(),
        16_474_566_678_509_055_781,
        "series already on disk would move to another lane"
    );
}

proptest! {
    #[test]
    fn a_builder_is_a_sorted_map(ops in prop::collection::vec(("[a-d]{0,2}", ".{0,200}"), 0..20)) {
        let (mut builder, mut map) = (LabelsBuilder::default(), BTreeMap::new());
        for (n, v) in &ops {
            builder.set(n, v);
            if n.is_empty() {
            } else if v.is_empty() {
                map.remove(n);
            } else {
                map.insert(n.clone(), v.clone());
            }
        }
        let set = builder.finish().to_owned();
        let got: Vec<_> = set.as_labels().iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        prop_assert_eq!(got, map.into_iter().collect::<Vec<_>>());
        prop_assert!(LabelSet::from_canonical(set.as_labels().as_bytes()).is_ok());
        for name in ["a", "b", "cd", "nothing"] {
            prop_assert_eq!(set.as_labels().get(name), set.as_labels().iter().find(|l| l.0 == name).map(|l| l.1));
        }
    }

    #[test]
    fn a_set_is_changed_like_a_sorted_map(
        first in prop::collection::btree_map("[a-e]{1,2}", ".{1,150}", 0..8),
        ops in prop::collection::vec(("[a-e]{1,2}", ".{0,150}"), 0..8),
    ) {
        let set: LabelSet = first.iter().map(|(n, v)| (n.clone(), v.clone())).collect::<Vec<_>>().iter().collect();
        let (mut builder, mut map) = (LabelsBuilder::default(), first);
        builder.reset(set.as_labels());
        prop_assert_eq!(builder.finish(), set.as_labels());
        for (n, v) in &ops {
            builder.set(n, v);
            if v.is_empty() { map.remove(n); } else { map.insert(n.clone(), v.clone()); }
            prop_assert_eq!(builder.get(n), map.get(n).map(String::as_str));
        }
        let pairs: Vec<_> = map.into_iter().collect();
        let changed = builder.finish().to_owned();
        prop_assert_eq!(&changed, &pairs.iter().collect::<LabelSet>());
        prop_assert!(LabelSet::from_canonical(changed.as_labels().as_bytes()).is_ok());
        let raw: Vec<_> = changed.as_labels().raw().map(|l| (l.name(), l.value())).collect();
        prop_assert_eq!(raw, pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect::<Vec<_>>());
        let joined: Vec<u8> = changed.as_labels().raw().flat_map(|l| l.as_bytes().to_vec()).collect();
        prop_assert_eq!(joined, changed.as_labels().as_bytes());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = LabelSet::from_canonical(&bytes);
        let _ = Labels::from_trusted(&bytes).iter().count();
        let mut builder = LabelsBuilder::default();
        builder.reset(Labels::from_trusted(&bytes));
        builder.set("a", "b");
        let _ = builder.iter().count();
        let _ = builder.finish().raw().count();
    }
}
