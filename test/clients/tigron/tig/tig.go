// Package tig stands in for that of nerdctl's test framework, a module which no proxy serves as nerdctl replaces it by
// a folder of its own. One of nerdctl's files that helps its tests names it and is built into the program, which never
// calls it.
package tig

// T is as much of a test as that file asks for.
type T interface {
	Log(args ...any)
	FailNow()
}
