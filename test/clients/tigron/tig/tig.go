// Package tig replaces a module of nerdctl's test framework that no module proxy has, since nerdctl replaces
// it with a folder of its own. A test helper of nerdctl imports it and is built into the program, but is
// never called.
package tig

// T is the part of a test that the helper needs.
type T interface {
	Log(args ...any)
	FailNow()
}
