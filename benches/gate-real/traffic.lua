-- Requests for the twelve endpoints in turn, each as often as any other.
local names = { "carts", "countries", "invoices", "items", "labels", "orders", "pages", "prices", "reviews", "stocks", "tags", "users" }
local order = {}
request = function()
  if #order == 0 then
    for at = 1, #names do order[at] = at end
    for at = #order, 2, -1 do
      local other = math.random(at)
      order[at], order[other] = order[other], order[at]
    end
  end
  return wrk.format("GET", "/api/" .. names[table.remove(order)])
end
