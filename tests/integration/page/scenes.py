"""Requests in every state, as a shop has them of a morning."""

from __future__ import annotations

from integration.page.shop import Shop

HEAD = "S. No.,Product Name,Input Image Urls\n"


def furnish(shop: Shop) -> dict[str, str]:
    """Make them; their requestIds by what they show."""
    made: dict[str, str] = {}
    small = [shop.host.url(f"photos/small/{n:02d}.jpg") for n in range(12)]
    gone = shop.host.url("gone.jpg")

    rows = [f"{n},Tile {n},{small[n % 12]}?{n}\n" for n in range(60)]
    made["tiles"] = shop.upload(HEAD + "".join(rows), "tiles.csv", format="webp")
    shop.wait(made["tiles"])
    broken = "".join(f"{n},Lamp {n},{gone}?{n}\n" for n in range(8))
    made["failed"] = shop.upload(HEAD + broken, "lamps.csv", maxFailedPercent="50")
    shop.wait(made["failed"])
    made["done"] = shop.upload(shop.sample(), "summer-catalogue.csv", webhookUrl=shop.receiver.url)
    shop.wait(made["done"])
    made["awaits"] = shop.upload(shop.sample(), "autumn-preview.csv", suspendAfter="Plan")
    shop.wait(made["awaits"], "suspended")

    data = (shop.photos / "small/03.jpg").read_bytes()
    slow = "".join(
        f"{n},Mug {n},{gone if n % 37 == 5 else shop.host.slow(f'slow/{n}.jpg', data, 3)}?{n}\n"
        for n in range(900)
    )
    made["running"] = shop.upload(HEAD + slow, "mugs-2026.csv", imagesPerShard="450")
    made["cancelled"] = shop.upload(HEAD + f"1,Cup,{small[0]}\n", "cups-test.csv")
    shop.http.patch(f"/api/requests/{made['cancelled']}", json={"cancel": True})
    shop.wait(made["cancelled"])
    for name, person in (("tiles", "jonas"), ("done", "maria"), ("running", "maria")):
        about = f"imagebatch.dev/created-by={person}@shop.example"
        shop.kubectl("annotate", "--overwrite", "imagebatch", made[name], about)
    return made
