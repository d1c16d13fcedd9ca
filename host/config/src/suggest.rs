//! The nearest of the names that would have been right.

/// The candidate that was most likely meant, when one is near enough to be worth saying.
pub(crate) fn nearest<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', ' '], "_");
    let wrong = plain(wrong);
    // a third of the letters may be wrong: more, and the suggestion is noise
    let allowed = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wrong, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between the names; a name that only lacks its beginning or end is as near as it gets.
fn distance(wrong: &str, candidate: &str) -> usize {
    let part = wrong.len() >= 4 && (candidate.starts_with(wrong) || candidate.ends_with(wrong));
    if part { 1 } else { strsim::osa_distance(wrong, candidate) }
}

/// "did you mean …?" or, with nothing near, all that would be right.
pub(crate) fn help<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> String {
    let near = nearest(wrong, candidates.clone());
    near.map_or_else(|| list(candidates), |name| format!("did you mean `{name}`?"))
}

/// All that would be right.
pub(crate) fn list<'c>(candidates: impl IntoIterator<Item = &'c str>) -> String {
    let mut all: Vec<_> = candidates.into_iter().map(|name| format!("`{name}`")).collect();
    all.sort();
    all.dedup();
    if all.is_empty() { "there are none".to_owned() } else { format!("there are: {}", all.join(", ")) }
}
