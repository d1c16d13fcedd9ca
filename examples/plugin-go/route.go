package main

import (
	"errors"
	"strings"
)

// route is a template of the operator's, in segments; one in braces stands for any.
type route struct {
	text     string
	segments []string
}

func parse(text string) (route, error) {
	if !strings.HasPrefix(text, "/") {
		return route{}, errors.New("a route begins with a slash, as in /users/{id}")
	}
	r := route{text: text, segments: strings.Split(text[1:], "/")}
	for _, segment := range r.segments {
		if strings.HasPrefix(segment, "{") != strings.HasSuffix(segment, "}") {
			return route{}, errors.New("a segment is in braces as a whole or not at all: " + segment)
		}
	}
	return r, nil
}

func (r route) fits(path string) bool {
	rest, found := strings.CutPrefix(path, "/")
	for i, segment := range r.segments {
		if !found {
			return false
		}
		var part string
		if part, rest, found = strings.Cut(rest, "/"); i == len(r.segments)-1 {
			found = !found
		}
		if !strings.HasPrefix(segment, "{") && segment != part || part == "" && segment != "" {
			return false
		}
	}
	return found
}

// onlyPath takes scheme and host, query and fragment off.
func onlyPath(url string) string {
	if at := strings.Index(url, "://"); at >= 0 && !strings.ContainsAny(url[:at], "/?#") {
		rest := url[at+3:]
		if slash := strings.IndexAny(rest, "/?#"); slash >= 0 {
			url = rest[slash:]
		} else {
			url = "/"
		}
	}
	if end := strings.IndexAny(url, "?#"); end >= 0 {
		url = url[:end]
	}
	if url == "" {
		return "/"
	}
	return url
}

// guess puts a name for what a segment is in the place of those that name one thing among many.
func guess(path string, depth int) string {
	var out strings.Builder
	for i, segment := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		if depth > 0 && i == depth {
			out.WriteString("/…")
			break
		}
		out.WriteByte('/')
		out.WriteString(kind(segment))
	}
	return out.String()
}

// kind is what a segment is, in braces; the segment itself where it seems to be part of the route.
func kind(segment string) string {
	digits, hex, letters, dashes := 0, 0, 0, 0
	for i := range len(segment) {
		switch c := segment[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			hex++
		case c >= 'g' && c <= 'z' || c >= 'G' && c <= 'Z':
			letters++
		case c == '-':
			dashes++
		case c == '@', c == '%' && strings.HasPrefix(segment[i:], "%40"):
			return "{email}"
		}
	}
	switch {
	case digits > 0 && digits == len(segment):
		return "{id}"
	case len(segment) == 36 && dashes == 4 && digits+hex == 32:
		return "{uuid}"
	case digits > 0 && digits+hex == len(segment) && len(segment) >= 8:
		return "{hex}"
	// a token: long, and digits among letters. A slug has dashes between its words, and few digits.
	case len(segment) >= 16 && digits*5 >= len(segment) && letters+hex > 0:
		return "{token}"
	}
	return segment
}
