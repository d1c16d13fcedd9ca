package main

import "testing"

func TestGuesses(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/users/4711/orders": "/users/{id}/orders", "/v1/items": "/v1/items",
		"/o/9f86d081884c7d65": "/o/{hex}", "/o/deadbeef": "/o/deadbeef",
		"/s/123e4567-e89b-12d3-a456-426614174000": "/s/{uuid}",
		"/invite/jane@example.com":                "/invite/{email}", "/invite/jane%40example.com": "/invite/{email}",
		"/r/dGhpcyBpcyBhIHRva2Vu0123456789":      "/r/{token}",
		"/blog/how-we-cut-costs-by-half-in-2026": "/blog/how-we-cut-costs-by-half-in-2026",
		"/a//b/":                                 "/a//b/",
	} {
		if got := guess(path, 0); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := guess("/a/b/c/d", 2); got != "/a/b/…" {
		t.Error(got)
	}
}

func TestRoutesFitAsAWhole(t *testing.T) {
	r, err := parse("/blog/{slug}/edit")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/blog/x/edit": true, "/blog/x/edit/": false, "/blog/x": false, "/blog//edit": false, "/blog/x/edits": false, "blog/x/edit": false, "": false,
	} {
		if r.fits(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	for _, bad := range []string{"blog", "/blog/{slug", "/blog/slug}"} {
		if _, err := parse(bad); err == nil {
			t.Error(bad)
		}
	}
}

func TestOnlyThePathIsLookedAt(t *testing.T) {
	for url, want := range map[string]string{
		"/a?b=/c": "/a", "/a#b": "/a", "https://user@host:1/a/b?c": "/a/b", "https://host": "/", "https://host?x=1": "/", "/r?to=http://x/": "/r", "": "/",
	} {
		if got := onlyPath(url); got != want {
			t.Errorf("%s: %s", url, got)
		}
	}
}
