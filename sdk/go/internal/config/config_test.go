package config

import "testing"

type rule struct {
	Modulus uint64 `json:"modulus"`
}

type options struct {
	Label string  `json:"label"`
	Most  int     `json:"most"`
	Share float64 `json:"share"`
	Rules []rule  `json:"rules"`
	quiet bool
	Other map[string]bool `json:"other"`
}

func TestErrorsNameTheKey(t *testing.T) {
	for document, want := range map[string]string{
		`{}`: "",
		`{"label":"x","most":3,"share":0.5,"rules":[{"modulus":1}],"other":{"a":true}}`: "",
		`{"label":1}`:                "config.label: a number where a string is needed",
		`{"most":1.5}`:               "config.most: the number 1.5 where a whole number (int) is needed",
		`{"rules":[{"modulus":-1}]}`: "config.rules.modulus: the number -1 where a whole number that is not negative (uint64) is needed",
		`{"rules":{}}`:               "config.rules: a table where a list is needed",
		`{"lable":"x"}`:              `config: there is no key "lable"; the keys are label, most, share, rules, rules[].modulus, other`,
		`[]`:                         "config: a list where a table is needed",
		``:                           "config: empty, where a JSON document is needed",
		`{"label":`:                  "config: unexpected EOF",
	} {
		var o options
		err := Decode(document, &o)
		if got := message(err); got != want {
			t.Errorf("%s: %s", document, got)
		}
		_ = o.quiet
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
