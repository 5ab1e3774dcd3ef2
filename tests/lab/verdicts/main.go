// Verdicts says what Flux and Argo CD think of each object on its standard input.
//
// Usage: verdicts HEALTH.LUA EXPRESSIONS.JSON < objects.jsonl. One object as JSON a line in, one
// line out. kstatus and Flux's expressions are evaluated by Flux's own modules; the script by the
// Lua machine of Argo CD, with no more libraries than Argo CD gives to a script of argocd-cm.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

type verdicts struct {
	KStatus string          `json:"kstatus"`
	Flux    string          `json:"flux"`
	ArgoCD  json.RawMessage `json:"argocd"`
}

func main() {
	script := read(os.Args[1])
	var given kustomize.HealthCheckExpressions
	must(0, json.Unmarshal(read(os.Args[2]), &given))
	expressions := must(cel.NewStatusEvaluator(&given))
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		must(0, object.UnmarshalJSON(lines.Bytes()))
		must(0, out.Encode(judge(object, expressions, string(script))))
	}
	must(0, lines.Err())
}

func judge(object *unstructured.Unstructured, flux *cel.StatusEvaluator, script string) verdicts {
	return verdicts{
		KStatus: must(status.Compute(object)).Status.String(),
		Flux:    must(flux.Evaluate(context.Background(), object)).Status.String(),
		ArgoCD:  run(script, object.Object),
	}
}

// run gives the script its object and returns what it answers. Argo CD opens the same libraries,
// and time and date of os, which a verdict has no use for.
func run(script string, object map[string]any) json.RawMessage {
	machine := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer machine.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		call := lua.P{Fn: machine.NewFunction(library.open), Protect: true}
		must(0, machine.CallByParam(call, lua.LString(library.name)))
	}
	machine.SetGlobal("obj", value(machine, object))
	must(0, machine.DoString(script))
	return must(luajson.Encode(machine.Get(-1)))
}

// value is the object as Argo CD hands it to a script.
func value(machine *lua.LState, given any) lua.LValue {
	switch one := given.(type) {
	case int64:
		return lua.LNumber(one)
	case map[string]any:
		table := machine.CreateTable(0, len(one))
		for key, item := range one {
			table.RawSetH(lua.LString(key), value(machine, item))
		}
		return table
	case []any:
		table := machine.CreateTable(len(one), 0)
		for _, item := range one {
			table.Append(value(machine, item))
		}
		return table
	}
	return luajson.DecodeValue(machine, given)
}

func read(path string) []byte { return must(os.ReadFile(path)) }

func must[T any](result T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return result
}
