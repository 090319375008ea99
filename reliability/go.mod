module github.com/hawser-go/hawser/reliability

go 1.26.0
