"""
Where named regions are: for every name the site, or the sites, at which a cluster of that name may stand.

Coordinates are those of the town that the operator names for the region, to about 0.1 degree; a site is a disc of
SITE_RADIUS_KM around it, which holds the zones of a region. Sources: the operators' public lists of regions (AWS,
Google Cloud, Azure) for the town; its place is that of any atlas.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.site import coordinates, on_earth

Point = tuple[float, float]  # latitude and longitude in degrees, north and east positive

SITE_RADIUS_KM = 50.0

CITIES: Mapping[str, Point] = MappingProxyType(
    {
        "amsterdam": (52.37, 4.90),
        "ashburn": (39.04, -77.49),
        "atlanta": (33.75, -84.39),
        "bahrain": (26.07, 50.55),
        "belgium": (50.47, 3.87),
        "boardman": (45.84, -119.70),
        "cape town": (-33.92, 18.42),
        "chicago": (41.88, -87.63),
        "columbus": (39.96, -83.00),
        "council bluffs": (41.26, -95.86),
        "dallas": (32.78, -96.80),
        "denver": (39.74, -104.99),
        "des moines": (41.59, -93.62),
        "dubai": (25.20, 55.27),
        "dublin": (53.35, -6.26),
        "eemshaven": (53.43, 6.83),
        "frankfurt": (50.11, 8.68),
        "hamina": (60.57, 27.20),
        "helsinki": (60.17, 24.94),
        "hong kong": (22.32, 114.17),
        "hyderabad": (17.39, 78.49),
        "iceland": (64.13, -21.90),
        "jakarta": (-6.21, 106.85),
        "johannesburg": (-26.20, 28.05),
        "las vegas": (36.17, -115.14),
        "london": (51.51, -0.13),
        "los angeles": (34.05, -118.24),
        "lulea": (65.58, 22.15),
        "madrid": (40.42, -3.70),
        "melbourne": (-37.81, 144.96),
        "miami": (25.76, -80.19),
        "milan": (45.46, 9.19),
        "moncks corner": (33.20, -80.01),
        "montreal": (45.50, -73.57),
        "mumbai": (19.08, 72.88),
        "new york": (40.71, -74.01),
        "osaka": (34.69, 135.50),
        "oslo": (59.91, 10.75),
        "paris": (48.86, 2.35),
        "phoenix": (33.45, -112.07),
        "portland": (45.52, -122.68),
        "quincy": (47.23, -119.85),
        "salt lake city": (40.76, -111.89),
        "san antonio": (29.42, -98.49),
        "san francisco": (37.77, -122.42),
        "san jose": (37.34, -121.89),
        "sao paulo": (-23.55, -46.63),
        "seattle": (47.61, -122.33),
        "seoul": (37.57, 126.98),
        "singapore": (1.35, 103.82),
        "stockholm": (59.33, 18.07),
        "sydney": (-33.87, 151.21),
        "taiwan": (24.05, 120.52),
        "tel aviv": (32.09, 34.78),
        "the dalles": (45.59, -121.18),
        "tokyo": (35.68, 139.69),
        "toronto": (43.65, -79.38),
        "virginia": (39.04, -77.49),
        "warsaw": (52.23, 21.01),
        "zurich": (47.37, 8.54),
    }
)
# A name that several operators use for different towns has them all: refuting it means refuting each.
REGIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "us-east-1": ("ashburn",),
        "us-east-2": ("columbus",),
        "us-west-1": ("san francisco", "san jose"),
        "us-west-2": ("boardman", "portland"),
        "ca-central-1": ("montreal",),
        "sa-east-1": ("sao paulo",),
        "eu-west-1": ("dublin",),
        "eu-west-2": ("london",),
        "eu-west-3": ("paris",),
        "eu-central-1": ("frankfurt",),
        "eu-central-2": ("zurich",),
        "eu-north-1": ("stockholm",),
        "eu-south-1": ("milan",),
        "eu-south-2": ("madrid",),
        "ap-northeast-1": ("tokyo",),
        "ap-northeast-2": ("seoul",),
        "ap-northeast-3": ("osaka",),
        "ap-southeast-1": ("singapore",),
        "ap-southeast-2": ("sydney",),
        "ap-southeast-3": ("jakarta",),
        "ap-southeast-4": ("melbourne",),
        "ap-south-1": ("mumbai",),
        "ap-south-2": ("hyderabad",),
        "ap-east-1": ("hong kong",),
        "me-south-1": ("bahrain",),
        "me-central-1": ("dubai",),
        "il-central-1": ("tel aviv",),
        "af-south-1": ("cape town",),
        "us-central1": ("council bluffs",),
        "us-east1": ("moncks corner",),
        "us-east4": ("ashburn",),
        "us-east5": ("columbus",),
        "us-south1": ("dallas",),
        "us-west1": ("the dalles",),
        "us-west2": ("los angeles",),
        "us-west3": ("salt lake city",),
        "us-west4": ("las vegas",),
        "northamerica-northeast1": ("montreal",),
        "northamerica-northeast2": ("toronto",),
        "southamerica-east1": ("sao paulo",),
        "europe-west1": ("belgium",),
        "europe-west2": ("london",),
        "europe-west3": ("frankfurt",),
        "europe-west4": ("eemshaven",),
        "europe-west6": ("zurich",),
        "europe-west8": ("milan",),
        "europe-west9": ("paris",),
        "europe-southwest1": ("madrid",),
        "europe-north1": ("hamina",),
        "europe-central2": ("warsaw",),
        "asia-east1": ("taiwan",),
        "asia-east2": ("hong kong",),
        "asia-northeast1": ("tokyo",),
        "asia-northeast2": ("osaka",),
        "asia-northeast3": ("seoul",),
        "asia-south1": ("mumbai",),
        "asia-southeast1": ("singapore",),
        "asia-southeast2": ("jakarta",),
        "australia-southeast1": ("sydney",),
        "australia-southeast2": ("melbourne",),
        "eastus": ("ashburn",),
        "eastus2": ("ashburn",),
        "centralus": ("des moines",),
        "northcentralus": ("chicago",),
        "southcentralus": ("san antonio",),
        "westus2": ("quincy",),
        "westus3": ("phoenix",),
        "canadacentral": ("toronto",),
        "brazilsouth": ("sao paulo",),
        "northeurope": ("dublin",),
        "westeurope": ("amsterdam",),
        "uksouth": ("london",),
        "francecentral": ("paris",),
        "germanywestcentral": ("frankfurt",),
        "swedencentral": ("stockholm",),
        "norwayeast": ("oslo",),
        "switzerlandnorth": ("zurich",),
        "polandcentral": ("warsaw",),
        "italynorth": ("milan",),
        "spaincentral": ("madrid",),
        "japaneast": ("tokyo",),
        "japanwest": ("osaka",),
        "koreacentral": ("seoul",),
        "southeastasia": ("singapore",),
        "eastasia": ("hong kong",),
        "australiaeast": ("sydney",),
        "centralindia": ("mumbai",),
        "uaenorth": ("dubai",),
        "southafricanorth": ("johannesburg",),
    }
)


def sites(claim: str) -> dict[str, Point]:
    """
    The sites that *claim* names: a city, a region, or `lat,lon` in degrees; empty when it names none.

    Upper and lower case, and `_` or `-` for a space, make no difference.
    """
    name = claim.strip().lower()
    if name in REGIONS:
        return {city: CITIES[city] for city in REGIONS[name]}
    city = " ".join(name.replace("_", " ").replace("-", " ").split())
    if city in CITIES:
        return {city: CITIES[city]}
    point = coordinates(name)
    return {name: point} if point and on_earth(point) else {}
