package main

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// statuses are those that Argo CD accepts; it shows any other word as Unknown.
var statuses = map[string]bool{
	"Degraded": true, "Healthy": true, "Missing": true, "Progressing": true, "Suspended": true, "Unknown": true,
}

// argoCD runs a health check as Argo CD does where useOpenLibs is not set: the resource is the
// global obj, the libraries are package, base and table, and the script has a second. Argo CD also
// has the parts of os that tell the time, which a check of ours does not get.
func argoCD(script string, object map[string]any) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, library := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		call := lua.P{Fn: state.NewFunction(library), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return health{}, err
		}
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return health{}, fmt.Errorf("the script returned a %s instead of a table", state.Get(-1).Type())
	}
	read := health{lua.LVAsString(table.RawGetString("status")), lua.LVAsString(table.RawGetString("message"))}
	if !statuses[read.Status] {
		return health{}, fmt.Errorf("the script returned the status %q", read.Status)
	}
	return read, nil
}

// value converts what JSON can hold to a value of Lua.
func value(state *lua.LState, from any) lua.LValue {
	switch one := from.(type) {
	case bool:
		return lua.LBool(one)
	case int64:
		return lua.LNumber(one)
	case float64:
		return lua.LNumber(one)
	case string:
		return lua.LString(one)
	case []any:
		list := state.NewTable()
		for _, item := range one {
			list.Append(value(state, item))
		}
		return list
	case map[string]any:
		table := state.NewTable()
		for key, item := range one {
			table.RawSetString(key, value(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
