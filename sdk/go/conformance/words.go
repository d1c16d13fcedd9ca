package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/emit"
	"weir/state"
)

// do does what the words behind "do " say and gives the answer. job is that of the line's stream.
func do(words []string, job string) (string, error) {
	number := func() int64 {
		n, _ := strconv.ParseInt(words[len(words)-1], 10, 64)
		return n
	}
	switch fmt.Sprint(words[0], len(words)) {
	case "ask3", "ask4":
		return asked(ask(words[1], words[2], strings.Join(words[3:], ""), 0)), nil
	case "ask-briefly2":
		return asked(ask("GET", words[1], "", 50*time.Millisecond)), nil
	case "ask-often3":
		times, _ := strconv.Atoi(words[1])
		return often(times, words[2]), nil
	case "must-ask2":
		response, err := ask("GET", words[1], "", 0)
		return strconv.Itoa(response.Status), err
	case "emit3":
		return answer(things(words[1], job, int(number()))), nil
	case "emit-at3":
		return answer(emit.Samples(emit.Sample{Name: words[1], Value: 1, Timestamp: number()})), nil
	case "say2":
		return answer(sayings(job, int(number()))), nil
	case "say-at2":
		return answer(emit.Lines(emit.Line{Labels: []string{"said", "größe"}, Text: "at", Timestamp: number()})), nil
	case "keep3":
		return kept(state.Set(words[1], []byte(words[2]))), nil
	case "keep-large3":
		return kept(state.Set(words[1], []byte(strings.Repeat("x", int(number()))))), nil
	case "look2":
		if value, found := state.Get(words[1]); found {
			return string(value), nil
		}
		return "nothing", nil
	case "forget2":
		state.Remove(words[1])
		return "forgotten", nil
	case "list2":
		return strings.Join(state.Keys(words[1]), ","), nil
	}
	return "", fmt.Errorf("no such words: %q", words)
}

func things(name, job string, count int) error {
	samples := make([]emit.Sample, count)
	for i := range samples {
		labels := []string{"city", "Zürich", "job", job, "row", strconv.Itoa(i)}
		samples[i] = emit.Sample{Name: name, Labels: labels, Value: float64(i) + 0.5}
	}
	return emit.Samples(samples...)
}

func sayings(job string, count int) error {
	lines := make([]emit.Line, count)
	for i := range lines {
		lines[i] = emit.Line{Labels: []string{"job", job, "said", "größe"}, Text: fmt.Sprintf("line %d 🦭", i)}
		if i%2 == 1 {
			lines[i].Metadata = []string{"row", strconv.Itoa(i)}
		}
	}
	return emit.Lines(lines...)
}

func answer(err error) string {
	var malformed *emit.Malformed
	switch {
	case err == nil:
		return "emitted"
	case err == emit.ErrOverBudget:
		return "budget"
	case errors.As(err, &malformed):
		return "malformed"
	}
	return err.Error()
}

func kept(err error) string {
	if err == nil {
		return "kept"
	}
	return "refused"
}
