# The library for others: header, libakosha.so, and how pkg-config and CMake find it. All of it may be moved as a whole.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/akosha DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS akosha EXPORT akosha LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT akosha NAMESPACE akosha:: FILE akosha-targets.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/akosha)

file(WRITE ${CMAKE_BINARY_DIR}/akosha-config.cmake
    "include(\"\${CMAKE_CURRENT_LIST_DIR}/akosha-targets.cmake\")\n")
write_basic_package_version_file(${CMAKE_BINARY_DIR}/akosha-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/akosha-config.cmake ${CMAKE_BINARY_DIR}/akosha-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/akosha)

# From lib/pkgconfig (Debian: lib/<triple>/pkgconfig) up to the prefix.
file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/akosha.pc.in ${CMAKE_BINARY_DIR}/akosha.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/akosha.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
